# Decides whether GPU code is built, says so, and enables the CUDA language. Looks for nvcc in CUDACXX, on PATH, in
# CUDA_HOME or CUDA_PATH, in the conda environment, in /usr/local/cuda and in PyPI's packages. Sets with_gpu.
set(with_gpu FALSE)
if(TENSORCORE_CUDA_BUILD STREQUAL "OFF")
  message(STATUS "GPU code: off (TENSORCORE_CUDA_BUILD=OFF)")
  return()
endif()
if(NOT TENSORCORE_CUDA_BUILD MATCHES "^(ON|AUTO)$")
  message(FATAL_ERROR "TENSORCORE_CUDA_BUILD must be ON, OFF or AUTO, got '${TENSORCORE_CUDA_BUILD}'")
endif()
if(TENSORCORE_CUDA_BUILD STREQUAL "AUTO" AND NOT EXISTS /dev/nvidia0 AND NOT EXISTS /dev/dxg)
  message(STATUS "GPU code: off (no NVIDIA GPU here; TENSORCORE_CUDA_BUILD=ON builds it all the same)")
  return()
endif()

find_package(Python 3.10 QUIET COMPONENTS Interpreter)
set(pypi_nvcc "")
if(Python_EXECUTABLE)
  execute_process(COMMAND ${Python_EXECUTABLE} -c "import glob, sysconfig
print(';'.join(glob.glob(sysconfig.get_path('purelib') + '/nvidia/cu1*/bin')))"
    OUTPUT_VARIABLE pypi_nvcc OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(DEFINED ENV{CUDACXX})
  set(nvcc_program $ENV{CUDACXX})
elseif(CMAKE_CUDA_COMPILER)
  set(nvcc_program ${CMAKE_CUDA_COMPILER})
else()
  find_program(nvcc_program nvcc  # PATHS come after PATH
    PATHS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin $ENV{CONDA_PREFIX}/bin /usr/local/cuda/bin ${pypi_nvcc})
endif()
if(NOT nvcc_program)
  set(text "nvcc was not found on PATH, in CUDA_HOME, CUDA_PATH, the conda environment, /usr/local/cuda or "
    "PyPI's nvidia packages (scripts/setup_cuda.sh installs those)")
  string(CONCAT text ${text})
  if(TENSORCORE_CUDA_BUILD STREQUAL "ON")
    message(FATAL_ERROR "TENSORCORE_CUDA_BUILD=ON: ${text}")
  endif()
  message(WARNING "A GPU is present but its code is not built: ${text}")
  return()
endif()

set(CMAKE_CUDA_COMPILER ${nvcc_program})
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES OFF)  # the targets are spelled out in csrc/cuda/CMakeLists.txt
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
set(with_gpu TRUE)
message(STATUS "GPU code: on, nvcc ${CMAKE_CUDA_COMPILER_VERSION} (${CMAKE_CUDA_COMPILER})")
