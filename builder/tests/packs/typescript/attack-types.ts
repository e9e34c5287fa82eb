type Bomb<T extends unknown[]> = [...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T];
type B = Bomb<Bomb<Bomb<Bomb<Bomb<Bomb<Bomb<Bomb<Bomb<[1]>>>>>>>>>;
type Deep<T> = { next: Deep<[T]>; value: T extends [infer U] ? Deep<U> : Deep<[[T]]>["value"] };
const bomb: B = [];
const deep: Deep<1>["value"] = 1;
console.log(bomb, deep);
