#!/bin/sh
# The emulator that CMake and Meson are told of: runs the target's programs under node, and the machine's own as they are. By
# policy CMP0190, FindPython starts its interpreter through the emulator; it is the native one, which environment variables
# make believe that it runs on the target. They can't change the size of a pointer, which FindPython asks for.
case $1 in
  *.js) exec /usr/bin/node "$@" ;;
esac
case "$*" in
  *"sys.stdout.write(str(struct.calcsize('P')))") printf 4 ;;
  *) exec "$@" ;;
esac
