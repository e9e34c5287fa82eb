function main(
  printf("never\n");
