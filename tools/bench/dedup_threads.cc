// The workload `dedup` by threads and bounded queues with a mutex: one thread cuts, as many as there
// are workers hash, as many compress, one has the table and one writes. Workers finish
// in any order, so the threads after them put chunks in order again.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/bounded_queue.h"
#include "tools/bench/dedup.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr size_t kCapacity = 64;

using Queue = BoundedQueue<DedupChunk>;

// Calls `work` for each chunk in order.
template <typename Work>
void InOrder(Queue& in, Work work) {
  std::map<int64_t, DedupChunk> early;
  int64_t next = 0;
  while (std::optional<DedupChunk> chunk = in.Pop()) {
    const int64_t number = chunk->number;
    early.emplace(number, std::move(*chunk));
    for (auto found = early.find(next); found != early.end(); found = early.find(++next)) {
      work(std::move(found->second));
      early.erase(found);
    }
  }
}

// Threads that call `work` for chunks in any order, and pass them on.
class Workers {
 public:
  Workers(int count, Queue& in, Queue& out, void (*work)(DedupChunk&)) : out_(out) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([&in, &out, work] {
        while (std::optional<DedupChunk> chunk = in.Pop()) {
          work(*chunk);
          out.Push(std::move(*chunk));
        }
      });
    }
  }

  void Join() {
    for (std::thread& thread : threads_) thread.join();
    out_.Close();
  }

 private:
  Queue& out_;
  std::vector<std::thread> threads_;
};

Sample RunThreads(const Params& params) {
  const std::string input = MakeDedupInput(params);
  Queue to_hash(kCapacity), to_look(kCapacity), to_pack(kCapacity), to_write(kCapacity);
  DedupCutter cutter(input);
  DedupTable table;
  DedupWriter writer;
  Workers hashers(params.workers, to_hash, to_look, HashChunk);
  std::thread looker([&] {
    InOrder(to_look, [&](DedupChunk chunk) {
      table.Look(chunk);
      to_pack.Push(std::move(chunk));
    });
    to_pack.Close();
  });
  Workers packers(params.workers, to_pack, to_write, PackChunk);
  std::thread writes(
      [&] { InOrder(to_write, [&](const DedupChunk& chunk) { writer.Write(chunk); }); });
  while (std::optional<DedupChunk> chunk = cutter.Next()) to_hash.Push(std::move(*chunk));
  to_hash.Close();
  hashers.Join();
  looker.join();
  packers.Join();
  writes.join();
  return writer.Finish(params, input);
}

Sample Run(const Params& params) {
  RunThreads(DedupWarmUp(params));
  return RunThreads(params);
}

}  // namespace

void AddDedupThreads(Suite& suite) {
  suite.implementations.push_back({.workload = "dedup", .name = "threads", .run = Run});
}

}  // namespace weir::bench
