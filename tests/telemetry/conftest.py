from tests.dogstatsd import agent

__all__ = ["agent"]
