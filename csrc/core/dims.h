// Dims: a short list of extents, strides or axes kept in place, printed as Python prints a tuple.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>

#include "core/check.h"

namespace tc {

inline constexpr int kMaxNdim = 16;

class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<std::int64_t> values) : Dims(std::span(values.begin(), values.size())) {}
  explicit Dims(std::span<const std::int64_t> values) {
    for (std::int64_t v : values) push_back(v);
  }
  static Dims filled(int count, std::int64_t value) {
    Dims d;
    d.resize(count, value);
    return d;
  }
  Dims(const Dims& other) : size_(other.size_) { std::copy_n(other.values_, size_, values_); }
  Dims& operator=(const Dims& other) {
    size_ = other.size_;
    std::copy_n(other.values_, size_, values_);
    return *this;
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::int64_t& operator[](int i) { return values_[i]; }
  std::int64_t operator[](int i) const { return values_[i]; }
  std::int64_t back() const { return values_[size_ - 1]; }
  std::int64_t* begin() { return values_; }
  std::int64_t* end() { return values_ + size_; }
  const std::int64_t* begin() const { return values_; }
  const std::int64_t* end() const { return values_ + size_; }

  void push_back(std::int64_t value) {
    check_value(size_ < kMaxNdim, "tensorcore: an array has at most ", kMaxNdim, " dimensions");
    values_[size_++] = value;
  }
  void pop_back() { --size_; }
  void resize(int count, std::int64_t value = 0) {
    check_value(count <= kMaxNdim, "tensorcore: an array has at most ", kMaxNdim, " dimensions, got ", count);
    for (int i = size_; i < count; ++i) values_[i] = value;
    size_ = count;
  }
  void insert(int at, std::int64_t value) {
    push_back(value);
    std::rotate(values_ + at, values_ + size_ - 1, values_ + size_);
  }
  void erase(int at) {
    std::copy(values_ + at + 1, values_ + size_, values_ + at);
    --size_;
  }

  friend bool operator==(const Dims& a, const Dims& b) {
    return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
  }
  friend std::ostream& operator<<(std::ostream& out, const Dims& d) {
    out << '(';
    for (int i = 0; i < d.size_; ++i) out << (i ? ", " : "") << d.values_[i];
    return out << (d.size_ == 1 ? ",)" : ")");
  }

 private:
  int size_ = 0;
  std::int64_t values_[kMaxNdim];
};

}  // namespace tc
