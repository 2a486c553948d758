def test_demo():
    import demo_lib
