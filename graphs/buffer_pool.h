// BufferPool: buffers of one size that are used again. Memory of some MiB comes fresh from the system each time that it is
// allocated, a page fault every 4 KiB; in a fast pipeline that costs as much as a copy.
//
//   auto pool = std::make_shared<weir::BufferPool>(1 << 20);
//   weir::Buffer buffer = pool->Take();
//
// A Buffer gives its memory back when it is destroyed, on any thread; the pool lives as long as its last Buffer. A pool does not
// bound how many there are: the channels that they travel through do.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace weir {

class Buffer;

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  explicit BufferPool(size_t capacity) : capacity_(capacity) {}

  size_t capacity() const { return capacity_; }
  // What is in it is what was left in it.
  Buffer Take();

 private:
  friend class Buffer;
  void GiveBack(std::unique_ptr<char[]> memory) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(memory));  // into room that Take has reserved
  }

  const size_t capacity_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> free_;  // guarded by mutex_
  size_t made_ = 0;                            // guarded by mutex_
};

class Buffer {
 public:
  Buffer(Buffer&&) noexcept = default;
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~Buffer() {
    if (memory_ != nullptr) pool_->GiveBack(std::move(memory_));
  }

  char* data() const { return memory_.get(); }
  size_t capacity() const { return pool_->capacity(); }
  BufferPool& pool() const { return *pool_; }

 private:
  friend class BufferPool;
  Buffer(std::shared_ptr<BufferPool> pool, std::unique_ptr<char[]> memory)
      : pool_(std::move(pool)), memory_(std::move(memory)) {}

  std::shared_ptr<BufferPool> pool_;
  std::unique_ptr<char[]> memory_;
};

inline Buffer BufferPool::Take() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<char[]> memory = std::move(free_.back());
      free_.pop_back();
      return Buffer(shared_from_this(), std::move(memory));
    }
    free_.reserve(++made_);
  }
  // Not initialised: a page that is not written to is no memory yet.
  return Buffer(shared_from_this(), std::unique_ptr<char[]>(new char[capacity_]));
}

}  // namespace weir
