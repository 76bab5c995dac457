"""Networks: a trunk (what it sees), a temporal part (how it listens over time), heads.

Inside, features are (B, D, T, G): G is 88 where one vector a key is kept and the same weights serve
every key, or 1 where one vector stands for the whole frame.
"""
