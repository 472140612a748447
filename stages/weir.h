// weir: typed stage graphs joined by bounded channels, on a fixed pool of threads. This is the one header that a user
// includes. To read the engine, begin with core/task.h and follow this order.
#pragma once

// clang-format off: in the order of reading.
// The engine.
#include "weir/core/channel.h"
#include "weir/core/clock.h"
#include "weir/core/context.h"
#include "weir/core/describe.h"
#include "weir/core/edge.h"
#include "weir/core/engine.h"
#include "weir/core/graph.h"
#include "weir/core/operations.h"
#include "weir/core/port.h"
#include "weir/core/report.h"
#include "weir/core/run.h"
#include "weir/core/select.h"
#include "weir/core/stage.h"
#include "weir/core/task.h"
// The stages.
#include "weir/stages/files.h"
#include "weir/stages/flow.h"
#include "weir/stages/join.h"
#include "weir/stages/output_file.h"
#include "weir/stages/sink.h"
#include "weir/stages/source.h"
#include "weir/stages/split.h"
#include "weir/stages/transform.h"
// clang-format on
