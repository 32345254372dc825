// Places are in thousandths of the picture, so that one phantom serves all sizes.
#include "synth/internal/phantom.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "synth/internal/random.h"

namespace tarn::synth {
namespace {

struct Ellipse {
  int32_t x, y;        // Centre.
  int32_t half_width;  // Of the axes, above 0.
  int32_t half_height;
  int32_t value;  // What lies inside.
  bool Holds(int32_t px, int32_t py) const {
    const int64_t dx = int64_t{px - x} * half_height;
    const int64_t dy = int64_t{py - y} * half_width;
    const int64_t bound = int64_t{half_width} * half_height;
    return dx * dx + dy * dy <= bound * bound;
  }
};

// The value of the last ellipse that holds the place.
int32_t ValueAt(std::initializer_list<Ellipse> ellipses, int32_t x, int32_t y, int32_t outside) {
  int32_t value = outside;
  for (const Ellipse& each : ellipses) {
    if (each.Holds(x, y)) value = each.value;
  }
  return value;
}

// Noise around 0 with about this standard deviation.
int32_t Noise(Random* random, int32_t deviation) { return random->Normal() * deviation / 1000; }

void Put16(int32_t value, std::string* out) {
  out->push_back(static_cast<char>(value));
  out->push_back(static_cast<char>(value >> 8));
}

int32_t Thousandth(uint32_t at, uint32_t side) { return static_cast<int32_t>(at * 1000 / side); }

}  // namespace

std::string CtSlice(uint32_t side, uint32_t position, uint64_t key) {
  Random random(key);
  const auto at = static_cast<int32_t>(position);
  const int32_t lung = std::max(20, 170 - at / 10);
  const int32_t liver = std::max(10, at / 6);
  std::string out;
  out.reserve(uint64_t{side} * side * 2);
  for (uint32_t row = 0; row < side; ++row) {
    for (uint32_t column = 0; column < side; ++column) {
      const int32_t x = Thousandth(column, side);
      const int32_t y = Thousandth(row, side);
      const int32_t tissue = ValueAt({{500, 500, 420, 300, -90},
                                      {500, 500, 395, 275, 45},
                                      {330, 470, lung, lung + 30, -860},
                                      {670, 470, lung, lung + 30, -860},
                                      {380, 560, liver, liver, 60},
                                      {500, 690, 55, 50, 320},
                                      {500, 690, 35, 30, 180},
                                      {500, 430, 70, 60, 120}},
                                     x, y, -1000);
      const int32_t value = tissue + Noise(&random, tissue == -1000 ? 2 : 7);
      Put16(std::clamp(value, -1024, 3071), &out);
    }
  }
  return out;
}

std::string MrSlice(uint32_t side, uint32_t position, uint64_t key) {
  Random random(key);
  const auto at = static_cast<int32_t>(position);
  const int32_t ventricle = std::max(8, 90 - std::abs(at - 500) / 6);
  std::string out;
  out.reserve(uint64_t{side} * side * 2);
  for (uint32_t row = 0; row < side; ++row) {
    for (uint32_t column = 0; column < side; ++column) {
      const int32_t x = Thousandth(column, side);
      const int32_t y = Thousandth(row, side);
      const int32_t tissue = ValueAt({{500, 500, 380, 450, 1500},
                                      {500, 500, 350, 420, 120},
                                      {500, 500, 335, 400, 900},
                                      {500, 500, 270, 330, 1150},
                                      {450, 480, ventricle / 2, ventricle, 260},
                                      {550, 480, ventricle / 2, ventricle, 260}},
                                     x, y, 0);
      // Of magnitudes, so never below zero.
      Put16(std::clamp(tissue + std::abs(Noise(&random, 10)), 0, 4095), &out);
    }
  }
  return out;
}

std::string CrImage(uint32_t columns, uint32_t rows, uint64_t key) {
  Random random(key);
  std::string out;
  out.reserve(uint64_t{columns} * rows * 2);
  for (uint32_t row = 0; row < rows; ++row) {
    for (uint32_t column = 0; column < columns; ++column) {
      const int32_t x = Thousandth(column, columns);
      const int32_t y = Thousandth(row, rows);
      int32_t tissue = ValueAt({{500, 560, 470, 560, 520},
                                {310, 470, 150, 300, 760},
                                {690, 470, 150, 300, 760},
                                {540, 560, 130, 150, 330},
                                {500, 500, 40, 520, 250}},
                               x, y, 1000);
      // Ribs: darker bands across the lungs.
      if (tissue == 760 && (y + std::abs(x - 500) / 4) % 90 < 22) tissue = 640;
      Put16(std::clamp(tissue + Noise(&random, 3), 0, 1023), &out);
    }
  }
  return out;
}

std::string UsFrame(uint32_t columns, uint32_t rows, uint32_t index, uint64_t key) {
  Random random(Mix2(key, index));
  const auto beat = static_cast<int32_t>(index % 20);
  const int32_t size = 90 + (beat < 10 ? beat : 20 - beat) * 6;
  std::string out;
  out.reserve(uint64_t{columns} * rows * 3);
  for (uint32_t row = 0; row < rows; ++row) {
    for (uint32_t column = 0; column < columns; ++column) {
      const int32_t x = Thousandth(column, columns);
      const int32_t y = Thousandth(row, rows);
      const bool in_fan = y > 40 && y < 950 && std::abs(x - 500) * 20 < y * 11;
      if (x > 960 && y > 200 && y < 800) {  // The scale of the colours.
        out.push_back(static_cast<char>(255 * (800 - y) / 600));
        out.push_back(static_cast<char>(64));
        out.push_back(static_cast<char>(255 * (y - 200) / 600));
        continue;
      }
      int32_t grey = 0;
      if (in_fan) {
        const int32_t tissue = ValueAt(
            {{500, 550, size + 40, size + 60, 170}, {500, 550, size, size + 20, 12}}, x, y, 90);
        grey = std::clamp(tissue + Noise(&random, tissue / 6), 0, 255);
      }
      out.append(3, static_cast<char>(grey));
    }
  }
  return out;
}

}  // namespace tarn::synth
