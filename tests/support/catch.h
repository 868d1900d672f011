// The one place that knows which Catch2 this is: v2 on Debian 12 (one header), v3 on Debian 13.
#pragma once

#ifdef PODRING_CATCH2_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
