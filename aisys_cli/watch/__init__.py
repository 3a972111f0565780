"""`aisys lab watch`: test at every save, on a screen that stays calm."""
