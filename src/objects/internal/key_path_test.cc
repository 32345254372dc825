#include "objects/internal/key_path.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "objects/object_store.h"

namespace tarn::objects {
namespace {

std::string Repeat(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(KeyPath, Places) {
  struct Case {
    std::string key, plain, escaped;
  };
  const std::string long_name(255, 'x');
  for (const Case& c : {
           Case{"a", "a", "%file~a"},
           Case{"a/b.txt", "a/b.txt", "a/%file~b.txt"},
           Case{"with space/\xc3\xbc+%41", "with space/\xc3\xbc+%41",
                "with space/%file~\xc3\xbc+%41"},
           Case{".hidden", ".hidden", "%file~.hidden"},
           Case{"a/", "", "a/%file~"},
           Case{"/", "", "%folder~/%file~"},
           Case{"a//b", "a/%folder~/b", "a/%folder~/%file~b"},
           Case{".", "", "%file~."},
           Case{"..", "", "%file~.."},
           Case{"../../etc/passwd", "%folder~../%folder~../etc/passwd",
                "%folder~../%folder~../etc/%file~passwd"},
           Case{"%file~a", "", "%file~%file~a"},
           Case{"%folder~x/y", "%folder~%folder~x/y", "%folder~%folder~x/%file~y"},
           Case{"%more~x", "", "%file~%more~x"},
           Case{long_name, long_name,
                "%more~" + std::string(240, 'x') + "/%file~" + std::string(15, 'x')},
           Case{long_name + "x", "",
                "%more~" + std::string(240, 'x') + "/%file~" + std::string(16, 'x')},
           Case{std::string(300, 'x') + "/y",
                "%more~" + std::string(240, 'x') + "/%folder~" + std::string(60, 'x') + "/y",
                "%more~" + std::string(240, 'x') + "/%folder~" + std::string(60, 'x') + "/%file~y"},
           // Cut between characters: 239 + 2 bytes would split the last one.
           Case{"a" + Repeat("\xc3\xbc", 130), "",
                "%more~a" + Repeat("\xc3\xbc", 119) + "/%file~" + Repeat("\xc3\xbc", 11)},
       }) {
    SCOPED_TRACE(c.key);
    const KeyPath path = PathOfKey(c.key);
    EXPECT_EQ(path.plain, c.plain);
    EXPECT_EQ(path.escaped, c.escaped);
    if (!path.plain.empty()) {
      EXPECT_EQ(KeyOfPath(path.plain), c.key);
    }
    EXPECT_EQ(KeyOfPath(path.escaped), c.key);
  }
}

TEST(KeyPath, NeedlessEscapesNameNothing) {
  for (const std::string& path :
       {std::string("%folder~abc/x"), std::string("%more~abc/%file~x"), std::string("%more~x"),
        std::string("a/%folder~"), std::string("%file~/x"), std::string("%file~"),
        std::string("a//b"), std::string("../x"), std::string("./x"), std::string("/x"),
        std::string("x/"), std::string(""), std::string("\xff"), std::string(256, 'x'),
        "%more~" + std::string(238, 'x') + "/%file~" + std::string(40, 'x')}) {
    SCOPED_TRACE(path);
    EXPECT_FALSE(KeyOfPath(path).has_value());
  }
}

rc::Gen<std::string> AnyKey() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
          "/", "//", "a", "b", ".", "..", "%file~", "%folder~", "%more~", "\xc3\xbc", "%", "~", " ",
          "+", std::string(100, 'l'), std::string(250, 'm'))),
      [](const std::vector<std::string>& parts) {
        std::string key;
        for (const std::string& part : parts) {
          if (key.size() + part.size() <= kKeyBytesMax) key += part;
        }
        return key.empty() ? std::string("k") : key;
      });
}

RC_GTEST_PROP(KeyPath, RoundTripsAndStaysBeneath, ()) {
  const std::string key = *AnyKey();
  const KeyPath path = PathOfKey(key);
  for (const std::string& place : {path.plain, path.escaped}) {
    if (place.empty()) continue;
    RC_ASSERT(KeyOfPath(place) == key);
    std::string_view rest = place;
    while (!rest.empty()) {
      const std::string_view name = rest.substr(0, rest.find('/'));
      RC_ASSERT(!name.empty() && name.size() <= kNameBytesMax && name != "." && name != "..");
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
  }
}

}  // namespace
}  // namespace tarn::objects
