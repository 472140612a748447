// weir's chains, for who runs them on an engine of his own: the workloads `chain` and `custom`, and instructions.cc.
//
// Each builds a graph of params.stages, params.capacity and params.items, and runs it to its end. What came through is in
// `sink`; false if the run failed.

#pragma once

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "weir/weir.h"

namespace weir::bench {

bool RunChain(Engine& engine, const Params& params, ChainSink& sink);
bool RunFusedChain(Engine& engine, const Params& params, ChainSink& sink);
bool RunCustomItems(Engine& engine, const Params& params, ChainSink& sink);
bool RunCustomBatches(Engine& engine, const Params& params, ChainSink& sink);

}  // namespace weir::bench
