#include "planted/fault.h"

namespace podring::planted {
namespace {

Fault the_fault = Fault::none;

}  // namespace

bool plant(Fault fault) {
  the_fault = fault;
  return true;
}

Fault current() { return the_fault; }

}  // namespace podring::planted
