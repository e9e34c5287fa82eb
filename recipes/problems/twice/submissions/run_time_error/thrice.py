def thrice(number):
    return 3 * number
