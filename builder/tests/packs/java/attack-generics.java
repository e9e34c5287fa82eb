// Subtyping of contravariant generics is undecidable (Kennedy and Pierce, 2007): the compiler goes round in it.
public class Main {
    interface N<Z> {}
    interface C<X> extends N<N<? super C<C<X>>>> {}

    static N<? super C<Byte>> cast(C<Byte> c) {
        return c;
    }

    public static void main(String[] args) {}
}
