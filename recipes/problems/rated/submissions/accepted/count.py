print(sum(character.isalpha() for character in input()))
