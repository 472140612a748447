#include "weir/core/pool.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace weir::internal {
namespace {

// Where the calling thread is draining. Read in this file's functions only, never in a coroutine's, which may change threads.
struct Place {
  const Pool* pool = nullptr;
  void* worker = nullptr;
};
thread_local Place place;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Whether the system gives a new pool its threads, and a few more: asked by starting them. oneTBB starts its threads from one
// another, where a failure ends the process. Asked only if there are more pools at once than there have been before.
class ThreadSupply {
 public:
  static ThreadSupply& Get() {
    static ThreadSupply& supply = *new ThreadSupply;
    return supply;
  }
  bool Take(int threads) {
    MutexLock lock(mutex_);
    taken_ += threads;
    if (taken_ <= known_) return true;
    constexpr int kClockAndHost = 3;
    if (!CanStart(threads + kClockAndHost)) return false;
    known_ = taken_;
    return true;
  }
  void Return(int threads) {
    MutexLock lock(mutex_);
    taken_ -= threads;
  }

 private:
  static bool CanStart(int count) {
    std::atomic<bool> all_started{false};
    std::vector<std::thread> threads;
    bool started = true;
    try {
      threads.reserve(count);
      while (static_cast<int>(threads.size()) < count)
        threads.emplace_back([&all_started] { all_started.wait(false); });
    } catch (const std::system_error&) {
      started = false;
    }
    all_started.store(true);
    all_started.notify_all();
    for (std::thread& thread : threads) thread.join();
    return started;
  }

  Mutex mutex_;
  int taken_ = 0;  // guarded by mutex_
  int known_ = 0;  // guarded by mutex_: so many threads in all the system has given
};

}  // namespace

// What oneTBB is given of a worker: it may come back to it when the pool is gone.
struct Pool::Door {
  Mutex mutex;
  Worker* worker = nullptr;  // guarded by mutex; null once the pool is gone
  int asks = 0;              // guarded by mutex: how many of oneTBB's tasks have not come yet
};

// The arenas of pools that are gone, with tasks that oneTBB has not begun yet: they are destroyed once these have come. (To destroy
// an arena before that made oneTBB forget the tasks of others.)
class Pool::LateArenas {
 public:
  static LateArenas& Get() {
    static LateArenas& late = *new LateArenas;
    return late;
  }
  void Add(std::unique_ptr<TbbArena> arena, std::unique_ptr<Door[]> doors, int count) {
    Late late{std::move(arena), std::move(doors), count};
    MutexLock lock(mutex_);
    try {
      late_.push_back(std::move(late));
    } catch (const std::bad_alloc&) {  // it was not moved; it stays for ever
      (void)late.arena.release();
      (void)late.doors.release();
    }
  }
  void Reap() {
    std::vector<Late> done;  // destroyed without the lock
    MutexLock lock(mutex_);
    for (size_t i = 0; i < late_.size();) {
      if (late_[i].AwaitsTasks()) {
        ++i;
        continue;
      }
      done.push_back(std::move(late_[i]));
      late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

 private:
  struct Late {
    std::unique_ptr<TbbArena> arena;
    std::unique_ptr<Door[]> doors;
    int count;
    bool AwaitsTasks() const {
      for (int i = 0; i < count; ++i) {
        MutexLock lock(doors[i].mutex);
        if (doors[i].asks > 0) return true;
      }
      return false;
    }
  };
  Mutex mutex_;
  std::vector<Late> late_;  // guarded by mutex_
};

bool Pool::Bed::SleepFor(std::chrono::nanoseconds duration) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + duration;
  if (!wake_.wait_until(lock, until, [this] { return woken_; })) return false;
  woken_ = false;
  return true;
}

void Pool::Bed::SleepUntilWoken() {
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait(lock, [this] { return woken_; });
  woken_ = false;
}

void Pool::Bed::Wake() {
  // With the lock: who is woken may end the pool.
  MutexLock lock(mutex_);
  woken_ = true;
  wake_.notify_one();
}

Pool::Pool(int threads)
    : threads_(threads),
      arena_(std::make_unique<TbbArena>(threads)),
      doors_(std::make_unique<Door[]>(threads)),
      workers_(std::make_unique<Worker[]>(threads)),
      uses_tbb_(ThreadSupply::Get().Take(threads)) {
  for (int i = 0; i < threads; ++i) {
    workers_[i].pool = this;
    workers_[i].index = static_cast<uint16_t>(i);
    workers_[i].door = &doors_[i];
    doors_[i].worker = &workers_[i];
  }
  LateArenas::Get().Reap();
}

Pool::~Pool() {
  closing_.store(true, std::memory_order_relaxed);
  while (posting_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  for (int i = 0; i < threads_; ++i) Wake(workers_[i]);
  std::unique_lock<std::mutex> lock(mutex_);
  const auto none = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return drains_ == 0; };
  // Mostly oneTBB begins all that it was asked for, and that is better than to leave it behind.
  no_drains_.wait_for(lock, kPatience, none);
  while (!no_drains_.wait_for(lock, std::chrono::nanoseconds(kAwaitedNs), none)) {
    lock.unlock();
    for (int i = 0; i < threads_; ++i) {  // oneTBB may begin what has no thread yet much later
      Worker& worker = workers_[i];
      {
        MutexLock queue_lock(worker.mutex);
        if (worker.awaits_thread && worker.queue.empty()) CallOff(worker);
      }
      if (worker.awaits_thread) GiveThread(worker);
    }
    lock.lock();
  }
  lock.unlock();
  bool late = false;
  for (int i = 0; i < threads_; ++i) {
    Worker& worker = workers_[i];
    if (worker.stand_in.joinable()) worker.stand_in.join();
    MutexLock door_lock(worker.door->mutex);
    worker.door->worker = nullptr;
    late = late || worker.door->asks > 0;
  }
  if (late) LateArenas::Get().Add(std::move(arena_), std::move(doors_), threads_);
  LateArenas::Get().Reap();
  ThreadSupply::Get().Return(threads_);
}

bool Pool::OnOwnThread() const { return place.pool == this; }

void Pool::Post(Job& job) {
  const bool inside = place.pool == this;
  if (job.cost_ns_ >= JobQueue::kLongNs && inside && PostHome(job)) return;
  if (!inside) posting_.fetch_add(1, std::memory_order_relaxed);
  Worker& worker = inside ? *static_cast<Worker*>(place.worker) : workers_[job.worker_ % threads_];
  const uint32_t mean = worker.mean_ns.load(std::memory_order_relaxed);
  // What is known of the job itself where jobs are measured one by one: by this worker, or by the one that it comes from.
  uint32_t own_mean = 0;
  if (mean >= kMeasureAllNs && threads_ > 1) {
    if (inside) own_mean = worker.run_times.MeanNs(&job);
    if (own_mean == 0) own_mean = job.cost_ns_;
  }
  bool awake;
  {
    MutexLock lock(worker.mutex);
    worker.queue.PushBack(job, own_mean > 0 ? own_mean : mean);
    if (inside && worker.current == &job) worker.running_ns = 0;  // it is about to end its turn
    Publish(worker);
    awake = worker.draining && !worker.asleep;
  }
  if (!awake) Start(worker);
  if (worker.overlap_ns.load(std::memory_order_relaxed) >= kWorthAWakeNs &&
      working_.load(std::memory_order_relaxed) < threads_ && StartAnother()) {
    MutexLock lock(worker.mutex);
    worker.kept_front = kKeptFront;
  }
  if (!inside) posting_.fetch_sub(1, std::memory_order_release);  // the pool may be gone after it
}

bool Pool::PostHome(Job& job) {
  Worker& home = workers_[job.worker_];
  if (&home == place.worker || !home.looking_out.load(std::memory_order_relaxed)) return false;
  MutexLock lock(home.mutex);
  if (!home.draining || home.asleep) return false;
  home.queue.PushBack(job, job.cost_ns_);
  Publish(home);
  return true;
}

void Pool::Publish(Worker& worker) {
  worker.queued.store(worker.queue.size(), std::memory_order_relaxed);
  if (worker.pool->threads_ == 1) return;  // there is nobody to share with
  // In a chain of short jobs neither is worth a closer look.
  uint64_t overlap_ns = 0;
  bool worth_taking = false;
  if (worker.running_ns + worker.queue.cost_ns() >= JobQueue::kLongNs && !worker.queue.empty()) {
    worth_taking = worker.running_ns >= JobQueue::kLongNs ||
                   worker.queue.LongOverlapNs(worker.running_ns) >= JobQueue::kLongNs;
    if (worker.queue.cost_ns() >= kWorthAWakeNs)
      overlap_ns = worker.queue.OverlapNs(worker.running_ns);
  }
  worker.overlap_ns.store(overlap_ns, std::memory_order_relaxed);
  worker.worth_taking.store(worth_taking, std::memory_order_relaxed);
}

bool Pool::Start(Worker& worker) {
  if (Wake(worker)) return true;
  {
    MutexLock lock(worker.mutex);
    if (std::exchange(worker.draining, true)) return false;
    worker.awaits_thread.store(true, std::memory_order_relaxed);
    working_.fetch_add(1, std::memory_order_relaxed);
    MutexLock counted(mutex_);
    ++drains_;
  }
  Ask(worker);
  return true;
}

void Pool::Ask(Worker& worker) {
  if (!uses_tbb_) return;  // the watch gives it a thread
  {
    MutexLock lock(worker.door->mutex);
    ++worker.door->asks;
  }
  arena_->Enqueue(&Pool::DrainEntry, worker.door);  // if it fails, the watch sees to it
}

bool Pool::Begin(Worker& worker) {
  MutexLock lock(worker.mutex);
  return worker.awaits_thread.exchange(false, std::memory_order_relaxed);
}

void Pool::CallOff(Worker& worker) {
  worker.awaits_thread.store(false, std::memory_order_relaxed);
  worker.draining = false;
  working_.fetch_sub(1, std::memory_order_relaxed);
  MutexLock counted(mutex_);
  if (--drains_ == 0) no_drains_.notify_all();
}

void Pool::GiveThread(Worker& worker) {
  if (!Begin(worker)) return;
  if (worker.stand_in.joinable()) worker.stand_in.join();  // it has ended, or is about to
  try {
    worker.stand_in = std::thread([this, &worker] {
      worker.is_stand_in = true;
      Drain(worker);
    });
  } catch (const std::system_error&) {  // there is no thread to be had
    RunHere(worker);
  }
}

void Pool::RunHere(Worker& worker) {
  const Place outer = place;
  place = {this, &worker};
  worker.running.store(true, std::memory_order_relaxed);
  for (const int64_t until = NowNs() + kRunHereNs; NowNs() < until;) {
    Job* job = TakeOwn(worker);
    if (job == nullptr) break;
    job->worker_ = worker.index;
    job->Run();
    worker.jobs.store(worker.jobs.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  worker.running.store(false, std::memory_order_relaxed);
  place = outer;
  MutexLock lock(worker.mutex);
  worker.current = nullptr;
  worker.running_ns = 0;
  Publish(worker);
  if (worker.queue.empty()) {
    CallOff(worker);
  } else {
    worker.awaits_thread.store(true, std::memory_order_relaxed);
  }
}

bool Pool::Wake(Worker& worker) {
  {
    MutexLock lock(worker.mutex);
    if (!std::exchange(worker.asleep, false)) return false;
    working_.fetch_add(1, std::memory_order_relaxed);
  }
  worker.bed.Wake();
  return true;
}

bool Pool::StartAnother() {
  for (int i = 0; i < threads_; ++i) {
    if (Start(workers_[i])) return true;
  }
  return false;
}

uint64_t Pool::JobsRun() const {
  uint64_t jobs = 0;
  for (int i = 0; i < threads_; ++i) jobs += workers_[i].jobs.load(std::memory_order_acquire);
  return jobs;
}

void Pool::Watch() {
  for (int i = 0; i < threads_; ++i) {
    Worker& worker = workers_[i];
    if (!worker.awaits_thread.load(std::memory_order_relaxed)) {
      worker.awaited_since_ns = 0;
    } else if (worker.awaited_since_ns == 0) {
      worker.awaited_since_ns = NowNs();
    } else if (NowNs() - worker.awaited_since_ns >= kAwaitedNs) {
      GiveThread(worker);
    }
    const uint64_t jobs = worker.jobs.load(std::memory_order_relaxed);
    const bool moved = std::exchange(worker.jobs_seen, jobs) != jobs;
    if (moved) continue;
    {
      MutexLock lock(worker.mutex);  // the thread is the drain's as long as this is held
      if (worker.limit != nullptr) worker.limit->Stop();
    }
    if (worker.queued.load(std::memory_order_relaxed) == 0) continue;
    worker.stalled.store(true, std::memory_order_relaxed);
    if (!StartAnother()) left_standing_.store(true, std::memory_order_relaxed);
  }
}

void Pool::DrainEntry(void* door) {
  Door& entered = *static_cast<Door*>(door);
  Worker* worker = nullptr;
  {
    MutexLock lock(entered.mutex);
    --entered.asks;
    if (entered.worker != nullptr && entered.worker->pool->Begin(*entered.worker)) {
      worker = entered.worker;  // whose pool waits for the drain now
      worker->is_stand_in = false;
    }
  }
  if (worker != nullptr) worker->pool->Drain(*worker);
}

void Pool::Drain(Worker& worker) {
  const Place outer = place;  // a stage's parallel_for may run a drain inside of a job
  place = {this, &worker};
  worker.is_nested = outer.pool != nullptr;
  worker.running.store(true, std::memory_order_relaxed);
  {
    MutexLock lock(worker.mutex);
    worker.limit = &BatchLimit::OfThisThread();
  }
  while (AwaitJobs(worker, RunJobs(worker))) {
  }
  place = outer;
  MutexLock lock(mutex_);
  if (--drains_ == 0) no_drains_.notify_all();
}

int64_t Pool::RunJobs(Worker& worker) {
  const int64_t entered = NowNs();
  int64_t began = entered;
  uint32_t since = 0;  // jobs run since then
  while (Job* job = Next(worker)) {
    job->worker_ = worker.index;
    if (worker.missed_ns >= kMissedNs) [[unlikely]] {
      worker.missed_ns = 0;
      if (working_.load(std::memory_order_relaxed) < threads_) StartAnother();
    }
    job->Run();
    worker.jobs.store(worker.jobs.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (threads_ == 1) continue;  // there is nobody to share with, and nothing to measure
    const uint32_t mean = worker.mean_ns.load(std::memory_order_relaxed);
    if (++since < kMeasuredTogether && mean < kMeasureAllNs) continue;
    const int64_t now = NowNs();
    const auto took_ns = static_cast<uint64_t>(now - began);
    if (since == 1) worker.run_times.Note(job, took_ns);
    worker.mean_ns.store(MovingMean(mean, took_ns / since), std::memory_order_relaxed);
    began = now;
    since = 0;
    if (left_standing_.load(std::memory_order_relaxed)) {
      left_standing_.store(false, std::memory_order_relaxed);
      Steal(worker);
    }
  }
  return NowNs() - entered;
}

Job* Pool::Next(Worker& worker) {
  do {
    if (Job* job = TakeOwn(worker)) return job;
  } while (Steal(worker));
  return nullptr;
}

Job* Pool::TakeOwn(Worker& worker) {
  MutexLock lock(worker.mutex);
  const bool keep_front = worker.kept_front > 0 && worker.queue.size() > 1;
  if (keep_front) --worker.kept_front;
  Job* job = keep_front ? worker.queue.PopSecond() : worker.queue.PopFront();
  worker.current = job;
  worker.running_ns = job == nullptr ? 0 : job->cost_ns_;
  Publish(worker);
  if (worker.worth_taking.load(std::memory_order_relaxed)) [[unlikely]]
    worker.missed_ns +=
        std::min<uint64_t>(worker.queue.LongOverlapNs(worker.running_ns), job->cost_ns_);
  return job;
}

bool Pool::WorthStealing(const Worker& worker) const {
  return worker.queued.load(std::memory_order_relaxed) > 0 &&
         (worker.stalled.load(std::memory_order_relaxed) ||
          !worker.running.load(std::memory_order_relaxed) ||
          worker.worth_taking.load(std::memory_order_relaxed) ||
          worker.overlap_ns.load(std::memory_order_relaxed) >= kWorthAWakeNs);
}

bool Pool::Steal(Worker& worker) {
  for (int i = 1; i < threads_; ++i) {
    Worker& other = workers_[(worker.index + i) % threads_];
    if (!WorthStealing(other)) continue;
    JobQueue stolen;
    {
      MutexLock lock(other.mutex);
      other.queue.MoveFront((other.queue.size() + 1) / 2, stolen);
      other.kept_front = 0;
      other.stalled.store(false, std::memory_order_relaxed);
      Publish(other);
    }
    if (stolen.empty()) continue;
    MutexLock lock(worker.mutex);
    stolen.MoveFront(stolen.size(), worker.queue);
    Publish(worker);
    return true;
  }
  return false;
}

bool Pool::AwaitJobs(Worker& worker, int64_t worked_ns) {
  // Looking out costs no more than was worked: a worker that is woken for little sleeps again.
  return (worked_ns >= kLookOutNs && LookOut(worker)) || Sleep(worker);
}

bool Pool::LookOut(Worker& worker) {
  const int64_t until = NowNs() + kLookOutNs;
  worker.looking_out.store(true, std::memory_order_relaxed);
  bool found = false;
  do {
    found = worker.queued.load(std::memory_order_relaxed) > 0 || Steal(worker);
    // The thread that is about to post may have no core of its own.
    if (!found) std::this_thread::yield();
  } while (!found && NowNs() < until && !closing_.load(std::memory_order_relaxed));
  worker.looking_out.store(false, std::memory_order_relaxed);
  return found;
}

bool Pool::Sleep(Worker& worker) {
  // Where a drain may be waiting for this thread, it returns.
  const bool returns = worker.is_nested || width() < threads_;
  {
    MutexLock lock(worker.mutex);
    if (!worker.queue.empty()) return true;
    worker.running.store(false, std::memory_order_relaxed);
    working_.fetch_sub(1, std::memory_order_relaxed);
    if (returns || closing_.load(std::memory_order_relaxed)) {
      worker.limit = nullptr;
      worker.draining = false;
      return false;
    }
    worker.asleep = true;
  }
  if (!worker.bed.SleepFor(worker.is_stand_in ? kStandInAsleep : kAsleep)) {
    {
      MutexLock lock(worker.mutex);
      if (std::exchange(worker.asleep, false)) {
        worker.limit = nullptr;
        worker.draining = false;
        return false;
      }
    }
    worker.bed.SleepUntilWoken();  // somebody is about to wake it
  }
  worker.running.store(true, std::memory_order_relaxed);
  return true;
}

}  // namespace weir::internal
