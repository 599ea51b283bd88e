// Sorting by keys: every dtype maps to unsigned integers in the same order, so that one stable radix sort (least
// significant digit first, Knuth vol. 3, 5.2.5) serves them all; digits that all elements share cost nothing.
// Short rows are sorted by insertion, the k largest are kept in a heap. Rows are sorted in parallel.
#include "ops/sort.h"

#include <bit>
#include <cstring>
#include <memory>

#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 1, std::uint8_t,
                                 std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                                    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

// Order-preserving: all NaN have the largest key, both zeros the same.
template <class T>
inline KeyOf<T> key_of(T x) {
  using K = KeyOf<T>;
  constexpr K sign = static_cast<K>(K(1) << (8 * sizeof(K) - 1));
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::uint8_t>)
    return static_cast<K>(x);
  else if constexpr (std::is_integral_v<T>)
    return static_cast<K>(static_cast<K>(x) ^ sign);
  else {
    const K bits = std::bit_cast<K>(x);
    constexpr K infinity = std::is_same_v<T, half>       ? K(0x7c00)
                           : std::is_same_v<T, bfloat16> ? K(0x7f80)
                           : sizeof(T) == 4              ? static_cast<K>(0x7f800000u)
                                                         : static_cast<K>(0x7ff0000000000000ull);
    const K magnitude = static_cast<K>(bits & static_cast<K>(~sign));
    if (magnitude > infinity) return static_cast<K>(~K(0));
    return static_cast<K>(bits & sign ? sign - magnitude : sign + magnitude);
  }
}
template <class T>
constexpr bool kHasNan = !std::is_integral_v<T>;

template <class K>
struct Item {
  K key;
  std::uint32_t at;
};
constexpr std::int64_t kLongestRow = UINT32_MAX;
constexpr std::int64_t kShortRow = 48;
constexpr std::int64_t kSortGrain = 1 << 13;  // elements per task

template <class K>
void insertion_sort(Item<K>* items, std::int64_t n) {
  for (std::int64_t i = 1; i < n; ++i) {
    const Item<K> item = items[i];
    std::int64_t j = i;
    for (; j > 0 && items[j - 1].key > item.key; --j) items[j] = items[j - 1];
    items[j] = item;
  }
}

// Sorts `items`, with `spare` of the same length to work in; returns the one of them that holds the result.
template <class K>
Item<K>* radix_sort(Item<K>* items, Item<K>* spare, std::int64_t n) {
  constexpr int kDigits = sizeof(K);
  std::uint32_t counts[kDigits][256] = {};
  for (std::int64_t i = 0; i < n; ++i)
    for (int d = 0; d < kDigits; ++d) ++counts[d][(items[i].key >> (8 * d)) & 255];
  for (int d = 0; d < kDigits; ++d) {
    std::uint32_t* const places = counts[d];
    if (places[(items[0].key >> (8 * d)) & 255] == n) continue;
    std::uint32_t next = 0;
    for (int v = 0; v < 256; ++v) next += std::exchange(places[v], next);
    for (std::int64_t i = 0; i < n; ++i) spare[places[(items[i].key >> (8 * d)) & 255]++] = items[i];
    std::swap(items, spare);
  }
  return items;
}

void check_row(std::int64_t n, const char* op) {
  check_value(n <= kLongestRow, op, ": rows of at most ", kLongestRow, " elements can be sorted, got ", n);
}

template <class T, class Body>
void each_row(const Array& x, std::int64_t extra, Body body) {
  const std::int64_t n = x.shape(-1), rows = x.size() / n;
  parallel_for(rows, std::max<std::int64_t>(1, kSortGrain / n), [&](std::int64_t begin, std::int64_t end) {
    const auto items = std::make_unique_for_overwrite<Item<KeyOf<T>>[]>(static_cast<std::size_t>(n + extra));
    for (std::int64_t row = begin; row < end; ++row) body(row, x.data<T>() + row * n, n, items.get());
  });
}

template <class T>
void load_keys(const T* x, std::int64_t n, KeyOf<T> flip, Item<KeyOf<T>>* items) {
  for (std::int64_t i = 0; i < n; ++i)
    items[i] = {static_cast<KeyOf<T>>(key_of(x[i]) ^ flip), static_cast<std::uint32_t>(i)};
}

void argsort(const Array& x, Array& y, bool descending) {
  check_row(x.shape(-1), "sort");
  std::int64_t* const out = y.data<std::int64_t>();
  dispatch(All{}, x.dtype(), [&]<class T>() {
    using K = KeyOf<T>;
    const K flip = descending ? static_cast<K>(~K(0)) : K(0);
    each_row<T>(x, x.shape(-1), [&](std::int64_t row, const T* values, std::int64_t n, Item<K>* items) {
      load_keys(values, n, flip, items);
      const Item<K>* sorted = items;
      if (n <= kShortRow)
        insertion_sort(items, n);
      else
        sorted = radix_sort(items, items + n, n);
      for (std::int64_t i = 0; i < n; ++i) out[row * n + i] = sorted[i].at;
    });
  });
}

void topk(const Array& x, Array& y, bool largest) {
  check_row(x.shape(-1), "topk");
  std::int64_t* const out = y.data<std::int64_t>();
  const std::int64_t k = y.shape(-1);
  const bool few = k <= x.shape(-1) / 8;
  dispatch(All{}, x.dtype(), [&]<class T>() {
    using K = KeyOf<T>;
    const K flip = largest ? static_cast<K>(~K(0)) : K(0);  // small keys win
    const auto earlier = [](const Item<K>& a, const Item<K>& b) {
      return a.key != b.key ? a.key < b.key : a.at < b.at;
    };
    each_row<T>(x, few ? 0 : x.shape(-1), [&](std::int64_t row, const T* values, std::int64_t n, Item<K>* items) {
      const Item<K>* sorted = items;
      if (few) {  // a heap with the worst of the best k on top
        load_keys(values, k, flip, items);
        std::make_heap(items, items + k, earlier);
        for (std::int64_t i = k; i < n; ++i) {
          const K key = static_cast<K>(key_of(values[i]) ^ flip);
          if (key >= items[0].key) continue;
          std::pop_heap(items, items + k, earlier);
          items[k - 1] = {key, static_cast<std::uint32_t>(i)};
          std::push_heap(items, items + k, earlier);
        }
        std::sort_heap(items, items + k, earlier);
      } else {
        load_keys(values, n, flip, items);
        sorted = radix_sort(items, items + n, n);
      }
      for (std::int64_t i = 0; i < k; ++i) out[row * k + i] = sorted[i].at;
    });
  });
}

void searchsorted(const Array& sorted, const Array& values, Array& y, bool right) {
  std::int64_t* const out = y.data<std::int64_t>();
  const std::int64_t n = sorted.size();
  dispatch(All{}, sorted.dtype(), [&]<class T>() {
    const T *const row = sorted.data<T>(), *const wanted = values.data<T>();
    parallel_for(values.size(), 1024, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto key = key_of(wanted[i]);
        std::int64_t first = 0;
        for (std::int64_t left = n; left > 0;) {  // the first element that is not before `key`
          const std::int64_t middle = left / 2;
          const auto at = key_of(row[first + middle]);
          const bool before = right ? at <= key : at < key;
          first = before ? first + middle + 1 : first;
          left = before ? left - middle - 1 : middle;
        }
        out[i] = first;
      }
    });
  });
}

void unique(const Array& x, const Array& order, std::vector<Array>& out, std::int64_t& count) {
  const std::int64_t* const at = order.data<std::int64_t>();
  std::int64_t *const places = out[0].data<std::int64_t>(), *const inverse = out[1].data<std::int64_t>();
  std::int64_t* const counts = out[2].data<std::int64_t>();
  count = 0;
  dispatch(All{}, x.dtype(), [&]<class T>() {
    const T* const values = x.data<T>();
    KeyOf<T> last = 0;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const auto key = key_of(values[at[i]]);
      const bool is_nan = kHasNan<T> && key == static_cast<KeyOf<T>>(~KeyOf<T>(0));
      if (i == 0 || key != last || is_nan) {
        places[count] = at[i];
        counts[count++] = 0;
      }
      last = key;
      ++counts[count - 1];
      inverse[at[i]] = count - 1;
    }
  });
}

// Calls body(row, position index, position) for all, in order within a row.
template <class Body>
void each_position(const Array& positions, std::int64_t n, const char* op, Body body) {
  const std::int64_t k = positions.shape(-1), rows = positions.size() / k;
  const std::int64_t* const at = positions.data<std::int64_t>();
  parallel_for(rows, std::max<std::int64_t>(1, kSortGrain / k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * k; i < end * k; ++i) {
      check_index(at[i] >= 0 && at[i] < n, op, ": position ", at[i], " is out of range for an axis of extent ", n);
      body(i / k, i, at[i]);
    }
  });
}

void gather_rows(const Array& x, const Array& positions, Array& y) {
  const std::int64_t n = x.shape(-1);
  dispatch(Types<std::uint8_t, std::int16_t, std::int32_t, std::int64_t>{},
           itemsize(x.dtype()) == 1   ? DType::uint8
           : itemsize(x.dtype()) == 2 ? DType::int16
           : itemsize(x.dtype()) == 4 ? DType::int32
                                      : DType::int64,
           [&]<class Word>() {  // bits are only moved
             const Word* const from = x.data<Word>();
             Word* const to = y.data<Word>();
             each_position(positions, n, "gather_rows",
                           [&](std::int64_t row, std::int64_t i, std::int64_t at) { to[i] = from[row * n + at]; });
           });
}

void scatter_rows(const Array& x, const Array& positions, Array& y) {
  const std::int64_t n = y.shape(-1);
  std::memset(y.raw(), 0, y.nbytes());
  if (x.size() == 0) return;
  dispatch(Concat<Ints, WideFloats>::type{}, y.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = y.data<T>();
    each_position(positions, n, "scatter_rows", [&](std::int64_t row, std::int64_t i, std::int64_t at) {
      to[row * n + at] = static_cast<T>(to[row * n + at] + from[i]);
    });
  });
}

const Provide argsort_registered{kernels::argsort, DeviceType::cpu, &argsort};
const Provide topk_registered{kernels::topk, DeviceType::cpu, &topk};
const Provide searchsorted_registered{kernels::searchsorted, DeviceType::cpu, &searchsorted};
const Provide unique_registered{kernels::unique, DeviceType::cpu, &unique};
const Provide gather_registered{kernels::gather_rows, DeviceType::cpu, &gather_rows};
const Provide scatter_registered{kernels::scatter_rows, DeviceType::cpu, &scatter_rows};

}  // namespace
}  // namespace tc::cpu
