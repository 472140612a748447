#include "weir/graphs/pack.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "weir/graphs/buffer_pool.h"
#include "weir/graphs/content_digest.h"
#include "weir/graphs/zstd_check.h"
#include "weir/graphs/zstd_frame.h"
#include "weir/stages/input_file.h"

namespace weir {
namespace {

// Bytes in one system call: a cancelled run is noticed between them, and what was read is digested while it is in the cache.
constexpr size_t kCallBytes = 256 * 1024;

// A part of the input, of which there is always one: the first is empty if the input is.
struct Chunk {
  std::shared_ptr<const FramePlan> plan;
  Buffer buffer;
  size_t before = 0;  // bytes that the buffer begins with and that end the chunk before
  size_t size = 0;    // bytes behind them
  Content so_far;     // of the input, up to the end of this chunk
};

// What it became.
struct Blocks {
  std::shared_ptr<const FramePlan> plan;
  Buffer buffer;
  std::string_view bytes;  // in the buffer
  Content so_far;
};

// Cuts the input into chunks.
class Chunker {
 public:
  Chunker(const PackOptions& options, std::atomic<uint64_t>& bytes)
      : options_(options), bytes_(bytes) {}

  absl::Status Open() {
    absl::Status status = Pack::Validate(options_);
    if (status.ok()) status = file_.Open(options_.input);
    if (!status.ok()) return status;
    // Of standard input somebody may have read a part. And a file that says it is empty need not
    // be, under /proc.
    if (file_.owned() && file_.size() > 0) size_ = file_.size();
    plan_ = std::make_shared<const FramePlan>(options_.level, size_);
    pool_ = std::make_shared<BufferPool>(plan_->BufferSize());
    return absl::OkStatus();
  }

  // The next chunk, or nothing behind the last. `stop`: the run is drained or cancelled.
  absl::Status Next(std::optional<Chunk>& chunk, const std::function<bool()>& stop) {
    chunk.reset();
    if (ended_) return absl::OkStatus();
    const uint64_t left = size_.value_or(UINT64_MAX) - read_.bytes;
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(plan_->chunk, left));
    Buffer buffer = pool_->Take();
    const size_t before = last_.size();
    std::memcpy(buffer.data(), last_.data(), before);
    char* const data = buffer.data() + before;
    absl::StatusOr<size_t> got = Read(data, wanted, stop);
    if (!got.ok()) return got.status();
    bytes_.fetch_add(*got, std::memory_order_relaxed);
    if (*got < wanted && stop()) return Interrupted(read_.bytes + *got);
    if (*got < wanted && size_.has_value()) return Shrunk(read_.bytes + *got);

    const bool first = read_.bytes == 0;
    ended_ = *got == left || *got < wanted;
    if (*got == 0 && !first) return absl::OkStatus();
    read_.bytes += *got;
    read_.digest = digest_.value();
    const size_t overlap = std::min(plan_->overlap, *got);
    last_.assign(data + *got - overlap, overlap);
    chunk.emplace(Chunk{plan_, std::move(buffer), before, *got, read_});
    return absl::OkStatus();
  }
  bool ended() const { return ended_; }

  absl::Status Interrupted(uint64_t bytes) const {
    return absl::AbortedError(absl::StrCat(
        "stopped after ", bytes, size_ ? absl::StrCat(" of ", *size_) : "", " bytes of ",
        file_.name(), "; half a file is no result, and the output stays as it was"));
  }
  absl::Status Interrupted() const { return Interrupted(read_.bytes); }

 private:
  // Up to `size` bytes, which are digested too; fewer only at the end or if `stop` says so.
  absl::StatusOr<size_t> Read(char* into, size_t size, const std::function<bool()>& stop) {
    size_t filled = 0;
    while (filled < size && !stop()) {
      const absl::StatusOr<size_t> got =
          file_.Read(into + filled, std::min(size - filled, kCallBytes), stop);
      if (absl::IsCancelled(got.status()) || (got.ok() && *got == 0)) break;
      if (!got.ok()) return got.status();
      digest_.Update(into + filled, *got);
      filled += *got;
    }
    return filled;
  }
  absl::Status Shrunk(uint64_t bytes) const {
    return absl::AbortedError(absl::StrCat(
        file_.name(), " became shorter while it was read: it had ", *size_,
        " bytes when it was opened, and ended after ", bytes, "; run again when it is at rest"));
  }

  const PackOptions& options_;
  std::atomic<uint64_t>& bytes_;
  internal::InputFile file_;
  std::optional<uint64_t> size_;  // of the whole input, where it is known
  std::shared_ptr<const FramePlan> plan_;
  std::shared_ptr<BufferPool> pool_;
  ContentDigest digest_;
  Content read_;
  std::string last_;  // what overlaps into the next chunk
  bool ended_ = false;
};

// Reads the input, and deals its chunks to the outputs in turn.
class ReadInput final : public Stage {
 public:
  ReadInput(const PackOptions& options, int outputs, std::atomic<uint64_t>& bytes)
      : options_(options), bytes_(bytes) {
    for (int i = 0; i < outputs; ++i)
      outs_.push_back(std::make_unique<Out<Chunk>>(this, absl::StrCat("out", i)));
  }
  Out<Chunk>& out(size_t i) { return *outs_.at(i); }
  std::string kind() const override { return "ReadInput"; }

  Task<> Work(Context& context) override {
    Chunker chunker(options_, bytes_);
    std::optional<Chunk> chunk;
    auto open = [&] { return chunker.Open(); };
    const std::function<bool()> stop = [&context] {
      return context.cancelled() || context.draining();
    };
    auto read = [&] { return chunker.Next(chunk, stop); };
    auto opening = context.Blocking(open);
    absl::Status opened = co_await opening;
    if (!opened.ok()) co_return opened;
    for (size_t turn = 0; !chunker.ended(); turn = (turn + 1) % outs_.size()) {
      auto reading = context.Blocking(read);
      absl::Status done = co_await reading;
      if (!done.ok()) co_return done;
      if (!chunk.has_value()) break;
      auto send = outs_[turn]->Send(*chunk);
      absl::Status sent = co_await send;
      // A source that drains may not send any more.
      if (absl::IsOutOfRange(sent) && context.draining()) co_return chunker.Interrupted();
      if (!sent.ok()) co_return sent;
    }
    co_return absl::OkStatus();
  }

 private:
  const PackOptions options_;
  std::atomic<uint64_t>& bytes_;
  std::vector<std::unique_ptr<Out<Chunk>>> outs_;
};

// Chunks in, blocks out. It gives way between steps: who else has work on the pool does not wait for a whole chunk, and a
// cancelled run neither.
class Compress final : public Stage {
 public:
  In<Chunk> in{this, "in"};
  Out<Blocks> out{this, "out"};

  std::string kind() const override { return "Compress"; }

  Task<> Work(Context& context) override {
    std::optional<ChunkCompressor> compressor;
    while (true) {
      std::optional<Chunk> chunk = co_await in.Receive();
      if (!chunk.has_value()) break;
      if (!compressor.has_value()) compressor.emplace(*chunk->plan);
      std::optional<Buffer> packed = chunk->buffer.pool().Take();
      absl::Status status = compressor->Begin(chunk->buffer.data(), chunk->before, chunk->size,
                                              packed->data(), packed->capacity());
      while (status.ok() && !compressor->done()) {
        status = compressor->Step();
        if (context.cancelled()) co_return absl::CancelledError("");
        auto yield = context.Yield();
        co_await yield;
      }
      if (!status.ok()) co_return status;
      Blocks blocks{std::move(chunk->plan), std::move(*packed),
                    std::string_view(compressor->blocks(), compressor->blocks_size()),
                    chunk->so_far};
      chunk.reset();
      auto send = out.Send(blocks);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

// Takes blocks from the inputs in turn, and makes a frame of them in a file.
class WriteFrame final : public Stage {
 public:
  WriteFrame(const PackOptions& options, int inputs) : options_(options) {
    for (int i = 0; i < inputs; ++i)
      ins_.push_back(std::make_unique<In<Blocks>>(this, absl::StrCat("in", i)));
  }
  In<Blocks>& in(size_t i) { return *ins_.at(i); }
  std::string kind() const override { return "WriteFrame"; }

  Task<> Work(Context& context) override {
    // Removes what it wrote when the Work ends without a Commit.
    OutputFile file;
    const std::function<bool()> stop = [&context] { return context.cancelled(); };
    std::optional<Blocks> blocks;
    std::optional<Content> content;  // of what has come
    auto open = [&] { return Open(file, stop); };
    auto write = [&] {
      absl::Status status;
      if (!content.has_value()) status = file.Write(FrameHeader(*blocks->plan), stop);
      content = blocks->so_far;
      if (status.ok()) status = WriteAll(file, blocks->bytes, stop);
      blocks.reset();
      return status;
    };
    auto finish = [&] { return Finish(file, *content, stop); };

    // Before the first chunk has been compressed, so that a path that cannot be written is found at once.
    auto opening = context.Blocking(open);
    absl::Status opened = co_await opening;
    if (!opened.ok()) co_return opened;
    for (size_t turn = 0;; turn = (turn + 1) % ins_.size()) {
      auto receive = ins_[turn]->Receive();
      blocks = co_await receive;
      if (!blocks.has_value()) {
        absl::Status complete = ins_[turn]->status();
        if (!complete.ok()) co_return complete;
        break;
      }
      auto writing = context.Blocking(write);
      absl::Status written = co_await writing;
      if (!written.ok()) co_return written;
    }
    // The source sends at least one, unless it has failed; then the run is cancelled, which was seen above.
    if (!content.has_value()) co_return absl::InternalError("the input ended before it began");
    auto finishing = context.Blocking(finish);
    absl::Status finished = co_await finishing;
    co_return finished;
  }

 private:
  using Stop = std::function<bool()>;

  absl::Status Open(OutputFile& file, const Stop& stop) const {
    absl::Status status = Pack::Validate(options_);
    if (status.ok() && OutputFile::IsSameFile(options_.input, options_.output)) {
      return absl::InvalidArgumentError(
          "the output is the same file as the input, and would take its place; name another file");
    }
    if (status.ok()) status = file.Open(options_.output, stop);
    if (status.ok() && options_.check && file.direct()) {
      return absl::InvalidArgumentError(
          absl::StrCat("what is written to '", options_.output,
                       "' cannot be read again to check it; name a file, or do without the check"));
    }
    return status;
  }

  static absl::Status WriteAll(OutputFile& file, std::string_view bytes, const Stop& stop) {
    absl::Status status;
    while (status.ok() && !bytes.empty()) {
      if (stop()) return absl::CancelledError("");
      status = file.Write(bytes.substr(0, kCallBytes), stop);
      bytes.remove_prefix(std::min(bytes.size(), kCallBytes));
    }
    return status;
  }

  absl::Status Finish(OutputFile& file, const Content& content, const Stop& stop) const {
    absl::Status status = file.Write(FrameTrailer(content.digest), stop);
    if (status.ok() && options_.check)
      status = CheckZstdFile(file.staged_path(), options_.output, content, stop);
    return status.ok() ? file.Commit(options_.sync) : status;
  }

  const PackOptions options_;
  std::vector<std::unique_ptr<In<Blocks>>> ins_;
};

}  // namespace

absl::Status Pack::Validate(const PackOptions& options) {
  if (options.input.empty()) {
    return absl::InvalidArgumentError("there is no input; name a file, or - for standard input");
  }
  if (options.level < FramePlan::kLowestLevel || options.level > FramePlan::kHighestLevel) {
    return absl::InvalidArgumentError(absl::StrCat("the level is ", options.level,
                                                   "; choose one from ", FramePlan::kLowestLevel,
                                                   " to ", FramePlan::kHighestLevel));
  }
  if (options.workers < 1 || options.workers > PackOptions::kMostWorkers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there are ", options.workers, " workers; choose from 1 to ", PackOptions::kMostWorkers));
  }
  if (options.check && (options.output.empty() || options.output == "-")) {
    return absl::InvalidArgumentError(
        "standard output cannot be read again to check it; name a file for the output, or do "
        "without the check");
  }
  return absl::OkStatus();
}

Pack::Pack(PackOptions options) {
  // Options that no run accepts still make a graph, which says so when it is run.
  const int workers = std::clamp(options.workers, 1, PackOptions::kMostWorkers);
  auto& read = graph_.Add<ReadInput>("read", options, workers, bytes_);
  auto& write = graph_.Add<WriteFrame>("write", options, workers);
  for (int i = 0; i < workers; ++i) {
    const size_t turn = static_cast<size_t>(i);
    // One chunk waits before each worker, and one behind: none waits for the reader, and few are in memory.
    Flow(graph_, read.out(turn))
        .Via(absl::StrCat("compress", i), std::make_unique<Compress>(), {.capacity = 1})
        .To(write.in(turn), {.capacity = 1});
  }
}

}  // namespace weir
