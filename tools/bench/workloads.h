// The one place that lists what can be measured: workloads.cc calls each of these in the order of
// the table's rows.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

// chain: numbers through S stages that pass them on; see chain.h.
void AddChain(Suite& suite);
void AddChainWeir(Suite& suite);
void AddChainTbbFlowGraph(Suite& suite);
void AddChainTbbPipeline(Suite& suite);
void AddChainFiber(Suite& suite);
void AddChainRingOneThread(Suite& suite);
void AddChainRingTwoThreads(Suite& suite);
void AddChainLoop(Suite& suite);

// custom: the chain, of coroutine stages that a user might write; see custom_graph.h.
void AddCustom(Suite& suite);
void AddCustomWeir(Suite& suite);
void AddCustomWeirBatch(Suite& suite);

// fan: one source, four workers, one sink; see fan.h.
void AddFan(Suite& suite);
void AddFanWeir(Suite& suite);
void AddFanTbbFlowGraph(Suite& suite);
void AddFanTbbPipeline(Suite& suite);
void AddFanFiber(Suite& suite);
void AddFanBare(Suite& suite);

// farm: a function with several workers, of 50 ns to 100 us; see farm.h.
void AddFarm(Suite& suite);
void AddFarmWeir(Suite& suite);
void AddFarmTbbFlowGraph(Suite& suite);
void AddFarmTbbPipeline(Suite& suite);
void AddFarmLoops(Suite& suite);

// farm_sleep, farm_blocking: the same, of functions that sleep; see farm_sleep.h.
void AddFarmSleep(Suite& suite);
void AddFarmSleepWeir(Suite& suite);
void AddFarmSleepTbbPipeline(Suite& suite);
void AddFarmSleepThreads(Suite& suite);

// grain: four stages that work for 100 ns to 100 us each; see grain.h.
void AddGrain(Suite& suite);
void AddGrainWeir(Suite& suite);
void AddGrainTbbFlowGraph(Suite& suite);
void AddGrainTbbPipeline(Suite& suite);
void AddGrainLoops(Suite& suite);

// move_only: items behind unique_ptrs through four stages; see move_only.h.
void AddMoveOnly(Suite& suite);
void AddMoveOnlyWeir(Suite& suite);
void AddMoveOnlyTbbFlowGraph(Suite& suite);
void AddMoveOnlyTbbPipeline(Suite& suite);
void AddMoveOnlyFiber(Suite& suite);
void AddMoveOnlyBare(Suite& suite);

// pack: compressing a generated text with zstd; see pack.h.
void AddPack(Suite& suite);
void AddPackWeir(Suite& suite);
void AddPackZstd(Suite& suite);

// bytes: items of 1 KiB to 1 MiB through four stages; see bytes.h.
void AddBytes(Suite& suite);
void AddBytesWeir(Suite& suite);
void AddBytesTbbFlowGraph(Suite& suite);
void AddBytesTbbPipeline(Suite& suite);
void AddBytesLoop(Suite& suite);

// dedup: a stream without what was there before, compressed; see dedup.h.
void AddDedup(Suite& suite);
void AddDedupWeir(Suite& suite);
void AddDedupTbbPipeline(Suite& suite);
void AddDedupThreads(Suite& suite);
void AddDedupLoop(Suite& suite);

// backpressure: a slow consumer holds a fast producer back; see backpressure.h.
void AddBackpressure(Suite& suite);
void AddBackpressureWeir(Suite& suite);
void AddBackpressureTbbFlowGraph(Suite& suite);
void AddBackpressureTbbPipeline(Suite& suite);
void AddBackpressureFiber(Suite& suite);
void AddBackpressureBare(Suite& suite);

// timed_send: bounded sends that find room; see timed_send.cc.
void AddTimedSend(Suite& suite);

// timeouts: 10,000 sends at once that find no room; see timeouts.h.
void AddTimeouts(Suite& suite);
void AddTimeoutsWeir(Suite& suite);
void AddTimeoutsFiber(Suite& suite);
void AddTimeoutsBare(Suite& suite);

// wide: 10,000 stages; see wide.h.
void AddWide(Suite& suite);
void AddWideWeir(Suite& suite);
void AddWideTbbFlowGraph(Suite& suite);
void AddWideFiber(Suite& suite);

// build_and_teardown: short runs; see build_and_teardown.h.
void AddBuildAndTeardown(Suite& suite);
void AddBuildAndTeardownWeir(Suite& suite);
void AddBuildAndTeardownTbbFlowGraph(Suite& suite);
void AddBuildAndTeardownTbbPipeline(Suite& suite);
void AddBuildAndTeardownFiber(Suite& suite);

// latency: items that the program sends at a given rate, or one at a time; see latency.h.
void AddLatency(Suite& suite);
void AddLatencyWeir(Suite& suite);
void AddLatencyTbbFlowGraph(Suite& suite);
void AddLatencyBare(Suite& suite);

// feedback: one item that goes round a loop of stages; see feedback.h.
void AddFeedback(Suite& suite);
void AddFeedbackWeir(Suite& suite);
void AddFeedbackTbbFlowGraph(Suite& suite);

// rerun: short runs of what was built before; see rerun.cc.
void AddRerun(Suite& suite);
void AddRerunWeir(Suite& suite);
void AddRerunTbbFlowGraph(Suite& suite);
void AddRerunTbbPipeline(Suite& suite);
void AddRerunFiber(Suite& suite);

// cancel: 1,000 stages that are blocked; see cancel.h.
void AddCancel(Suite& suite);
void AddCancelWeir(Suite& suite);
void AddCancelFiber(Suite& suite);

// word_count: the words of a generated text of `corpus_mb` megabytes; see word_count.h.
void AddWordCount(Suite& suite, int64_t corpus_mb);
void AddWordCountWeir(Suite& suite);
void AddWordCountSingleThread(Suite& suite);
void AddWordCountThreads(Suite& suite);
void AddWordCountTbb(Suite& suite);
void AddWordCountFiber(Suite& suite);

// Go's channels, in several of the workloads above, where the machine has Go; see go_channels.cc.
void AddGoChannels(Suite& suite);

// All of the above.
Suite MakeSuite(int64_t corpus_mb);

}  // namespace weir::bench
