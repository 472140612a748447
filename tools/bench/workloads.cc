#include "tools/bench/workloads.h"

#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

Suite MakeSuite(int64_t corpus_mb) {
  Suite suite;
  AddChain(suite);
  AddChainWeir(suite);
  AddChainTbbFlowGraph(suite);
  AddChainTbbPipeline(suite);
  AddChainFiber(suite);
  AddChainRingOneThread(suite);
  AddChainRingTwoThreads(suite);
  AddChainLoop(suite);

  AddCustom(suite);
  AddCustomWeir(suite);
  AddCustomWeirBatch(suite);

  AddFan(suite);
  AddFanWeir(suite);
  AddFanTbbFlowGraph(suite);
  AddFanTbbPipeline(suite);
  AddFanFiber(suite);
  AddFanBare(suite);

  AddFarm(suite);
  AddFarmWeir(suite);
  AddFarmTbbFlowGraph(suite);
  AddFarmTbbPipeline(suite);
  AddFarmLoops(suite);

  AddFarmSleep(suite);
  AddFarmSleepWeir(suite);
  AddFarmSleepTbbPipeline(suite);
  AddFarmSleepThreads(suite);

  AddGrain(suite);
  AddGrainWeir(suite);
  AddGrainTbbFlowGraph(suite);
  AddGrainTbbPipeline(suite);
  AddGrainLoops(suite);

  AddMoveOnly(suite);
  AddMoveOnlyWeir(suite);
  AddMoveOnlyTbbFlowGraph(suite);
  AddMoveOnlyTbbPipeline(suite);
  AddMoveOnlyFiber(suite);
  AddMoveOnlyBare(suite);

  AddPack(suite);
  AddPackWeir(suite);
  AddPackZstd(suite);

  AddBytes(suite);
  AddBytesWeir(suite);
  AddBytesTbbFlowGraph(suite);
  AddBytesTbbPipeline(suite);
  AddBytesLoop(suite);

  AddDedup(suite);
  AddDedupWeir(suite);
  AddDedupTbbPipeline(suite);
  AddDedupThreads(suite);
  AddDedupLoop(suite);

  AddBackpressure(suite);
  AddBackpressureWeir(suite);
  AddBackpressureTbbFlowGraph(suite);
  AddBackpressureTbbPipeline(suite);
  AddBackpressureFiber(suite);
  AddBackpressureBare(suite);

  AddTimedSend(suite);

  AddTimeouts(suite);
  AddTimeoutsWeir(suite);
  AddTimeoutsFiber(suite);
  AddTimeoutsBare(suite);

  AddLatency(suite);
  AddLatencyWeir(suite);
  AddLatencyTbbFlowGraph(suite);
  AddLatencyBare(suite);

  AddFeedback(suite);
  AddFeedbackWeir(suite);
  AddFeedbackTbbFlowGraph(suite);

  AddWide(suite);
  AddWideWeir(suite);
  AddWideTbbFlowGraph(suite);
  AddWideFiber(suite);

  AddBuildAndTeardown(suite);
  AddBuildAndTeardownWeir(suite);
  AddBuildAndTeardownTbbFlowGraph(suite);
  AddBuildAndTeardownTbbPipeline(suite);
  AddBuildAndTeardownFiber(suite);

  AddRerun(suite);
  AddRerunWeir(suite);
  AddRerunTbbFlowGraph(suite);
  AddRerunTbbPipeline(suite);
  AddRerunFiber(suite);

  AddCancel(suite);
  AddCancelWeir(suite);
  AddCancelFiber(suite);

  AddWordCount(suite, corpus_mb);
  AddWordCountWeir(suite);
  AddWordCountSingleThread(suite);
  AddWordCountThreads(suite);
  AddWordCountTbb(suite);
  AddWordCountFiber(suite);

  AddGoChannels(suite);
  return suite;
}

}  // namespace weir::bench
