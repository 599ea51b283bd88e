// Stands for CUDA's header on the executor, whose names are there already.
#pragma once
#include "cuda/simt/user.h"
