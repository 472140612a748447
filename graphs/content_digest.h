// ContentDigest: XXH64 of bytes that come in pieces. Its low half is the checksum that ends a zstd frame.
#pragma once

#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace weir {

class ContentDigest {
 public:
  ContentDigest() : state_(XXH64_createState(), &XXH64_freeState) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH64_reset(state_.get(), 0);
  }

  void Update(const void* data, size_t size) { XXH64_update(state_.get(), data, size); }
  // Of what has come so far; more may follow.
  uint64_t value() const { return XXH64_digest(state_.get()); }

 private:
  std::unique_ptr<XXH64_state_t, XXH_errorcode (*)(XXH64_state_t*)> state_;
};

}  // namespace weir
