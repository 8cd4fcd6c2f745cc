"""Checks: one module per lesson topic, each function named after the exercise that it checks.

`from course_lib.checks import word2vec as check`, then `check.window_pairs(window_pairs)` answers with a `Result`
that says *what* is wrong. Only notebooks and tests import this package; how a check works is in `base`.
"""
