#include <string>
extern "C" int part(int i) { return std::string("text").at(i); }
