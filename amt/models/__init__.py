"""Networks: a trunk (features of each frame), a temporal model (context over time), output heads.

Features inside a network are (B, D, T, G). With G = 88 there is one vector per key, and all keys
share the same weights; with G = 1 there is one vector per frame.
"""
