// ItemType: what the engine has to know of a type of items. The code that moves items is compiled once, for all of them; only where
// a single item has to go in a few nanoseconds is there code for each type (Channel::PutOne, TakeOne).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "weir/core/block_pool.h"

namespace weir::internal {

// The largest item, and the most strictly aligned, that a channel carries by value. Items stand on
// threads' stacks and in the frames of coroutines, which compilers align to no more than their
// `operator new` does (PromiseBase).
inline constexpr size_t kLargestItem = 64 * 1024;
inline constexpr size_t kStrictestItem = kCacheLine;

// What may travel through a channel. Asked by the ports too, so that the answer comes before all that follows from it.
template <class T>
constexpr bool IsItem() {
  static_assert(sizeof(T) <= kLargestItem,
                "weir: an item is at most 64 KiB large, because items stand on stacks; wrap it in "
                "std::unique_ptr");
  static_assert(alignof(T) <= kStrictestItem,
                "weir: an item is aligned to 64 bytes at most, as the frames of coroutines are; "
                "wrap it in std::unique_ptr");
  static_assert(std::is_nothrow_destructible_v<T>,
                "weir: an item must be nothrow destructible; wrap it in unique_ptr with a deleter "
                "that does not throw");
  static_assert(!std::is_nothrow_destructible_v<T> || std::is_nothrow_move_constructible_v<T>,
                "weir: an item must be nothrow move constructible; wrap it in unique_ptr");
  return true;
}

// What a stage is said to send whose function has been refused at compile time
// (weir/stages/function_check.h): so that what comes after it is not refused too.
struct NoItem {};

// How much memory an item takes, where a channel's bytes are bounded and its In does not say (In::MeasureBy): its own size, and
// that of the elements of a container such as a string or a vector.
template <class T>
size_t BytesOf(const T& item) {
  if constexpr (requires { sizeof(*item.data()) * item.size(); }) {
    return sizeof(T) + sizeof(*item.data()) * item.size();
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    return sizeof(T) + item.size() / 8;
  } else {
    return sizeof(T);
  }
}

struct ItemType {
  const std::type_info* info;
  size_t size;
  size_t alignment;
  // Move-constructs `count` items; those that were there are moved from, and still to be destroyed. Null if their bytes are copied.
  void (*move)(void* into, void* from, size_t count) noexcept;
  // Null if there is nothing to do.
  void (*destroy)(void* items, size_t count) noexcept;
  size_t (*bytes_of)(const void* item);

  void Move(void* into, void* from, size_t count) const noexcept {
    if (move != nullptr) {
      move(into, from, count);
    } else if (count > 0) {
      std::memcpy(into, from, count * size);
    }
  }
  void Destroy(void* items, size_t count) const noexcept {
    if (destroy != nullptr) destroy(items, count);
  }
  // Raw room for `count` items, to be given to Free with the same count. std::bad_array_new_length if they are too many.
  void* Allocate(size_t count) const {
    if (count > SIZE_MAX / size) throw std::bad_array_new_length();
    return AllocateBlock(count * size, std::max(alignment, kCacheLine));
  }
  // `items` may be null.
  void Free(void* items, size_t count) const noexcept {
    if (items != nullptr) FreeBlock(items, count * size, std::max(alignment, kCacheLine));
  }
  // The `i`-th of an array.
  void* At(void* items, size_t i) const { return static_cast<char*>(items) + i * size; }
};

template <class T>
struct ItemFunctions {
  static void Move(void* into, void* from, size_t count) noexcept {
    for (size_t i = 0; i < count; ++i)
      ::new (static_cast<T*>(into) + i) T(std::move(static_cast<T*>(from)[i]));
  }
  static void Destroy(void* items, size_t count) noexcept {
    std::destroy_n(static_cast<T*>(items), count);
  }
  static size_t Bytes(const void* item) { return BytesOf(*static_cast<const T*>(item)); }
};

template <class T>
inline constexpr ItemType kItemType{
    .info = &typeid(T),
    .size = sizeof(T),
    .alignment = alignof(T),
    .move = std::is_trivially_copyable_v<T> ? nullptr : &ItemFunctions<T>::Move,
    .destroy = std::is_trivially_destructible_v<T> ? nullptr : &ItemFunctions<T>::Destroy,
    .bytes_of = &ItemFunctions<T>::Bytes};

}  // namespace weir::internal
