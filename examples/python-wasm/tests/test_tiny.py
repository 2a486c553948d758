import tiny_project


def test():
    assert tiny_project.platform() == "emscripten"
