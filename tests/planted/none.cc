// For programs with the rules as they are.
#include "planted/fault.h"

namespace podring::planted {

bool plant(Fault fault) { return fault == Fault::none; }
bool plant(LaneFault fault) { return fault == LaneFault::none; }

Fault current() { return Fault::none; }
LaneFault current_in_lane() { return LaneFault::none; }

}  // namespace podring::planted
