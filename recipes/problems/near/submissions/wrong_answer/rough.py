# @EXPECTED_SCORE@: 70
print(round(float(input()) ** 0.5, 1))
