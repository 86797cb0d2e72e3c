"""WORDS: texts made comparable, and vectors made of words alone; knows neither models nor stores."""
