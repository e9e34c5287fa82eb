void main() {
    Mutex go = Mutex();
    go.lock();
    Thread<bool>[] threads = {};
    for (int i = 0; i < 100; i++) {
        threads += new Thread<bool>("one", () => { go.lock(); go.unlock(); return true; });
    }
    go.unlock();
    foreach (var thread in threads) thread.join();
    print("%d\n", threads.length);
}
