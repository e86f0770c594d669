#pragma once
#include <arpack.h>
