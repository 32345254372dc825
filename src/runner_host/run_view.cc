#include "runner_host/run_view.h"

#include "json/value.h"
#include "runner_host/event_text.h"
#include "runner_host/masker.h"

namespace tarn::runner_host {
namespace {

using arazzo::RunEvent;

class PlainView final : public RunView {
 public:
  PlainView(WriteText write, const arazzo::SecretMask* masker, bool verbose)
      : write_(std::move(write)), text_(masker, verbose) {}

  void Show(const RunEvent& event) override {
    std::string out;
    for (const TextLine& line : text_.Lines(event)) out += Printable(line.text) + "\n";
    if (!out.empty()) write_(out);
  }
  void Tick(int64_t) override {}
  void Clear() override {}

 private:
  WriteText write_;
  EventText text_;
};

class JsonView final : public RunView {
 public:
  JsonView(WriteText write, const arazzo::SecretMask* masker, bool verbose)
      : write_(std::move(write)), masker_(*masker), verbose_(verbose) {}

  void Show(const RunEvent& event) override {
    json::Value line = json::Value::MakeObject();
    line.Set("event", json::Value::String(event.type));
    for (const auto& [name, value] : event.data.members()) {
      const bool content = name == "headers" || name == "body" || name == "body_base64";
      if (name == "headers" && verbose_) {
        line.Set(name, Headers(value));
      } else if (name == "body" && verbose_ && event.type == "answer" && value.IsString()) {
        const std::string shown = arazzo::ShowSealed(value.AsString());
        line.Set(name, json::Value::String(masker_.Mask(shown)));
      } else if (!content || verbose_) {
        line.Set(name, masker_.Mask(value));
      }
    }
    write_(PrintableJson(json::ToText(line)) + "\n");
  }
  void Tick(int64_t) override {}
  void Clear() override {}

 private:
  // Pairs of name and value.
  json::Value Headers(const json::Value& pairs) const {
    json::Value out = json::Value::MakeArray();
    if (!pairs.IsArray()) return out;
    for (const json::Value& pair : pairs.items()) {
      const bool valid = pair.IsArray() && pair.items().size() == 2 && pair.items()[0].IsString() &&
                         pair.items()[1].IsString();
      if (!valid) continue;
      const std::string& name = pair.items()[0].AsString();
      const std::string value =
          MaskHeader(masker_, name, arazzo::ShowSealed(pair.items()[1].AsString()));
      out.Append(json::Value::MakeArray({json::Value::String(name), json::Value::String(value)}));
    }
    return out;
  }

  WriteText write_;
  const arazzo::SecretMask& masker_;
  const bool verbose_;
};

}  // namespace

std::unique_ptr<RunView> MakePlainView(WriteText write, const arazzo::SecretMask* masker,
                                       bool verbose) {
  return std::make_unique<PlainView>(std::move(write), masker, verbose);
}

std::unique_ptr<RunView> MakeJsonView(WriteText write, const arazzo::SecretMask* masker,
                                      bool verbose) {
  return std::make_unique<JsonView>(std::move(write), masker, verbose);
}

}  // namespace tarn::runner_host
