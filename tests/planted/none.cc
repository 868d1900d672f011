// For programs with the rules as they are.
#include "planted/fault.h"

namespace podring::planted {

bool plant(Fault fault) { return fault == Fault::none; }

Fault current() { return Fault::none; }

}  // namespace podring::planted
