"""What both the public and the hidden checks draw from."""

from hypothesis import strategies as st

numbers = st.integers(-100, 100).map(float)
