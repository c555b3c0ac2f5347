"""Where jobs run. One contract test suite holds for all of them."""
