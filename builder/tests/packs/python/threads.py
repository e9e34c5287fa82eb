import threading

barrier = threading.Barrier(101)
threads = [threading.Thread(target=barrier.wait) for _ in range(100)]
for thread in threads:
    thread.start()
barrier.wait()
print(len(threads))
