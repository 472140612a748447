// An Out is joined to an In of another type.
#include <string>

#include "weir/weir.h"

class Words : public weir::Stage {
 public:
  weir::Out<std::string> out{this, "out"};
  weir::Task<> Work(weir::Context&) override { co_return absl::OkStatus(); }
};

class Numbers : public weir::Stage {
 public:
  weir::In<int> in{this, "in"};
  weir::In<std::string> words{this, "words"};
  weir::Task<> Work(weir::Context&) override { co_return in.status(); }
};

void Build(weir::Graph& graph, Words& words, Numbers& numbers) {
  graph.Connect(words.out, numbers.words);
#ifndef WEIR_COMPILE_OK
  graph.Connect(words.out, numbers.in);
#endif
}
