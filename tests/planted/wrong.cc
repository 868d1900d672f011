#include "planted/fault.h"

namespace podring::planted {
namespace {

Fault the_fault = Fault::none;
LaneFault the_lane_fault = LaneFault::none;

}  // namespace

bool plant(Fault fault) {
  the_fault = fault;
  return true;
}

bool plant(LaneFault fault) {
  the_lane_fault = fault;
  return true;
}

Fault current() { return the_fault; }
LaneFault current_in_lane() { return the_lane_fault; }

}  // namespace podring::planted
