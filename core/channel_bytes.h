// What a channel's items take, where their bytes are bounded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weir/core/channel.h"
#include "weir/core/ring.h"

namespace weir::internal {

struct Channel::Bytes {
  size_t most = 0;
  BytesOfItem of;
  // Of the items from `first` on, which may have left meanwhile.
  Ring sizes{kItemType<size_t>};
  uint64_t first = 0;
  size_t used = 0;

  size_t Fitting(const SendRequest& request, size_t n, uint64_t head, uint64_t tail) {
    Forget(head);
    size_t would_use = used;
    for (size_t i = 0; i < n; ++i) {
      const size_t size = request.bytes[request.sent + i];
      const bool alone = tail == head && i == 0;
      if (!alone && (size > most || would_use > most - size)) return i;
      would_use += size;
    }
    return n;
  }
  // For `count` more.
  void Reserve(size_t count, uint64_t head, uint64_t tail) {
    Forget(head);
    sizes.Reserve(tail - first + count, first, tail);
  }
  // There is room for them.
  void Enter(const SendRequest& request, size_t n, uint64_t tail) {
    for (size_t i = 0; i < n; ++i) {
      const size_t size = request.bytes[request.sent + i];
      sizes.At<size_t>(tail + i) = size;
      used += size;
    }
  }

 private:
  // What has left.
  void Forget(uint64_t head) {
    for (; first < head; ++first) used -= sizes.At<size_t>(first);
  }
};

}  // namespace weir::internal
