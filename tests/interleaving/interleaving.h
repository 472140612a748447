// Interleaving: runs a few threads of a test in every order of their operations on shared memory that takes at most a given
// number of preemptions. The code under test is compiled with WEIR_INTERLEAVING, so that weir's Atomic and Mutex are these
// here; each of their operations is a point at which another thread may go on.
//
// The threads are fibers on one real thread, so a schedule is a list of choices, and all lists are gone through depth first.
// Bounding the preemptions finds most errors at a cost that is polynomial in the length of the threads (Musuvathi and Qadeer,
// "Iterative context bounding", PLDI 2007). A store that is not sequentially consistent may also be delayed, as in a store
// buffer of x86: until the thread's next sequentially consistent write or lock, or until it waits. That counts as a
// preemption. Weaker memory models are not explored; ThreadSanitizer looks at those orders.
#pragma once

#include <atomic>
#include <boost/context/fiber.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::interleaving {

// What a schedule is run on. One exists at a time, and the operations below find it by themselves.
class World {
 public:
  using Threads = std::vector<std::function<void()>>;

  // Runs `scenario` in every schedule of at most `preemptions`. It makes what the threads share, fresh each time, and gives
  // the threads; `after` is called when all have ended. `wrong` is what went wrong, with the schedule, or empty.
  struct Result {
    uint64_t schedules = 0;
    std::string wrong;
  };
  static Result Explore(int preemptions, const std::function<Threads()>& scenario,
                        const std::function<std::string()>& after);

  // What threads cost each other if each has a core of its own and all cores are equally fast: they take turns, one operation each.
  struct Traffic {
    uint64_t operations = 0;  // on atomics and mutexes
    // Operations that had to wait for a cache line: one that another core has written since this core read it last, or, for a write,
    // that any other core has read or written. The first of all that touches a line is not counted.
    uint64_t transfers = 0;
    uint64_t most_of_a_line = 0;  // the transfers of the line that had the most
    uint64_t lock_waits = 0;      // mutexes that were found locked
    bool all_ended = false;       // false: they stood still before that
  };
  // At most 64 threads.
  static Traffic Measure(Threads threads);

  // --- By the operations ---

  static World* current() { return current_; }
  enum class Access { kRead, kWrite };
  // Another thread may go on here.
  void Step();
  // The same before an operation on `where`.
  void Step(const void* where, Access access) {
    if (take_turns_) Touch(where, access);
    Step();
  }
  void FoundLocked() { ++traffic_.lock_waits; }
  // The thread goes on once `ready` is true.
  void WaitUntil(const std::function<bool()>& ready);
  // Whether a store that comes now is to be delayed; it is if an earlier one is.
  bool MustDelay();
  void Delay(const void* where, uint64_t value, std::function<void()> store);
  // Makes the thread's delayed stores visible.
  void Drain();
  // The thread's own view: the last value that it stored at `where`, if that is still delayed.
  const uint64_t* Delayed(const void* where) const;

 private:
  struct Thread {
    boost::context::fiber fiber;
    bool ended = false;
    std::function<bool()> ready;  // null: it can go on
    struct Store {
      const void* where;
      uint64_t value;
      std::function<void()> apply;
    };
    std::vector<Store> delayed;
  };

  explicit World(const std::vector<uint32_t>& choices) : planned_(choices) {}
  std::string Run(Threads threads);
  // One of `count` possibilities, of which 0 is free.
  uint32_t Choose(uint32_t count);
  void SwitchAway();
  void Touch(const void* where, Access access);

  static World* current_;
  const std::vector<uint32_t> planned_;
  std::vector<uint32_t> made_, counts_;
  int left_ = 0;  // preemptions
  bool take_turns_ = false;
  Traffic traffic_;
  struct Line {
    uint64_t holders = 0;  // a bit for each core that has it as it is
    uint64_t transfers = 0;
  };
  std::unordered_map<uintptr_t, Line> lines_;  // by address
  std::vector<Thread> threads_;
  size_t running_ = 0;
  boost::context::fiber main_;
};

template <class T>
class Atomic {
 public:
  Atomic() = default;
  Atomic(T value) : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order = std::memory_order_seq_cst) const {
    if (World* world = World::current()) {
      world->Step(this, World::Access::kRead);
      if (const uint64_t* own = world->Delayed(this)) return static_cast<T>(*own);
    }
    return value_;
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst) {
    World* world = World::current();
    if (world == nullptr) {
      value_ = value;
      return;
    }
    world->Step(this, World::Access::kWrite);
    if (order == std::memory_order_seq_cst) {
      world->Drain();
      value_ = value;
    } else if (world->MustDelay()) {
      world->Delay(this, static_cast<uint64_t>(value), [this, value] { value_ = value; });
    } else {
      value_ = value;
    }
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) {
    return Change([value](T) { return value; });
  }
  T fetch_or(T bits, std::memory_order = std::memory_order_seq_cst) {
    return Change([bits](T old) { return static_cast<T>(old | bits); });
  }
  T fetch_add(T more, std::memory_order = std::memory_order_seq_cst) {
    return Change([more](T old) { return static_cast<T>(old + more); });
  }
  T fetch_and(T bits, std::memory_order = std::memory_order_seq_cst) {
    return Change([bits](T old) { return static_cast<T>(old & bits); });
  }
  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) {
    const T seen = expected;
    const T old = Change([&](T value) { return value == seen ? desired : value; });
    expected = old;
    return old == seen;
  }
  bool compare_exchange_weak(T& expected, T desired,
                             std::memory_order success = std::memory_order_seq_cst,
                             std::memory_order failure = std::memory_order_seq_cst) {
    return compare_exchange_strong(expected, desired, success, failure);
  }

 private:
  // Read-modify-write operations are sequentially consistent on x86, whatever they ask for.
  template <class F>
  T Change(F f) {
    if (World* world = World::current()) {
      world->Step(this, World::Access::kWrite);
      world->Drain();
    }
    const T old = value_;
    value_ = f(old);
    return old;
  }

  T value_{};
};

class Mutex {
 public:
  void lock() {
    if (World* world = World::current()) {
      world->Step(this, World::Access::kWrite);
      world->Drain();
      if (locked_) {
        world->FoundLocked();
        world->WaitUntil([this] { return !locked_; });
      }
    }
    locked_ = true;
  }
  void unlock() {
    if (World* world = World::current()) {
      world->Drain();
      locked_ = false;
      world->Step(this, World::Access::kWrite);
    } else {
      locked_ = false;
    }
  }

 private:
  bool locked_ = false;
};

}  // namespace weir::interleaving

namespace weir::internal {

template <class T>
using Atomic = interleaving::Atomic<T>;
using PlainMutex = interleaving::Mutex;

}  // namespace weir::internal
