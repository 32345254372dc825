#include "base/metrics.h"

#include <cstdio>

#include "base/check.h"

namespace tarn {
namespace {

std::string RenderLabels(const MetricLabels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out.push_back(',');
    out.append(name).append("=\"");
    for (const char c : value) {
      if (c == '\\' || c == '"') out.push_back('\\');
      if (c == '\n') {
        out.append("\\n");
      } else {
        out.push_back(c);
      }
    }
    out.push_back('"');
  }
  return out;
}

std::string FormatDouble(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.9g", value);
  return buffer;
}

// One line: name{labels} value
void AppendSample(std::string* out, const std::string& name, const std::string& labels,
                  const std::string& value) {
  out->append(name);
  if (!labels.empty()) out->append("{").append(labels).append("}");
  out->append(" ").append(value).append("\n");
}

}  // namespace

void Histogram::ObserveNs(int64_t nanoseconds) {
  size_t bucket = 0;
  while (bucket < kBoundsSeconds.size() &&
         static_cast<double>(nanoseconds) > kBoundsSeconds[bucket] * 1e9) {
    ++bucket;
  }
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<uint64_t>(nanoseconds), std::memory_order_relaxed);
}

MetricsRegistry::Family& MetricsRegistry::FamilyOf(const std::string& name, const std::string& help,
                                                   const char* type) {
  Family& family = families_[name];
  if (family.type.empty()) {
    family.type = type;
    family.help = help;
  }
  CHECK(family.type == type);
  return family;
}

Counter& MetricsRegistry::GetCounter(const std::string& name, const std::string& help,
                                     const MetricLabels& labels) {
  MutexLock lock(mutex_);
  auto& slot = FamilyOf(name, help, "counter").counters[RenderLabels(labels)];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Gauge& MetricsRegistry::GetGauge(const std::string& name, const std::string& help,
                                 const MetricLabels& labels) {
  MutexLock lock(mutex_);
  auto& slot = FamilyOf(name, help, "gauge").gauges[RenderLabels(labels)];
  if (!slot) slot = std::make_unique<Gauge>();
  return *slot;
}

Histogram& MetricsRegistry::GetHistogram(const std::string& name, const std::string& help,
                                         const MetricLabels& labels) {
  MutexLock lock(mutex_);
  auto& slot = FamilyOf(name, help, "histogram").histograms[RenderLabels(labels)];
  if (!slot) slot = std::make_unique<Histogram>();
  return *slot;
}

void MetricsRegistry::AddCallback(const std::string& name, const std::string& help,
                                  std::function<int64_t()> read) {
  MutexLock lock(mutex_);
  FamilyOf(name, help, "gauge").read = std::move(read);
}

std::string MetricsRegistry::PrometheusText() const {
  MutexLock lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out.append("# HELP ").append(name).append(" ").append(family.help).append("\n");
    out.append("# TYPE ").append(name).append(" ").append(family.type).append("\n");
    for (const auto& [labels, counter] : family.counters) {
      AppendSample(&out, name, labels, std::to_string(counter->Value()));
    }
    for (const auto& [labels, gauge] : family.gauges) {
      AppendSample(&out, name, labels, std::to_string(gauge->Value()));
    }
    if (family.read) AppendSample(&out, name, "", std::to_string(family.read()));
    for (const auto& [labels, histogram] : family.histograms) {
      const std::string prefix = labels.empty() ? "" : labels + ",";
      uint64_t count = 0;
      for (size_t i = 0; i < histogram->buckets_.size(); ++i) {
        count += histogram->buckets_[i].load(std::memory_order_relaxed);
        const std::string bound = i < Histogram::kBoundsSeconds.size()
                                      ? FormatDouble(Histogram::kBoundsSeconds[i])
                                      : "+Inf";
        AppendSample(&out, name + "_bucket", prefix + "le=\"" + bound + "\"",
                     std::to_string(count));
      }
      const auto sum_ns = histogram->sum_ns_.load(std::memory_order_relaxed);
      AppendSample(&out, name + "_sum", labels, FormatDouble(static_cast<double>(sum_ns) / 1e9));
      AppendSample(&out, name + "_count", labels, std::to_string(count));
    }
  }
  return out;
}

}  // namespace tarn
