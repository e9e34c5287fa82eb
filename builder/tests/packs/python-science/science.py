import networkx
import numpy
import scipy.optimize
import scipy.sparse.csgraph
import scipy.spatial
import scipy.special
from sortedcontainers import SortedDict, SortedList

print(numpy.linalg.det(numpy.array([[1.0, 2.0], [3.0, 4.0]])).round(6))
print(numpy.fft.fft(numpy.ones(4)).real.astype(int), numpy.random.default_rng(1).integers(1, 2))
print(scipy.optimize.linear_sum_assignment(numpy.array([[4, 1], [2, 8]]))[1])
graph = scipy.sparse.csr_matrix(([3, 4], ([0, 1], [1, 2])), shape=(3, 3))
print(scipy.sparse.csgraph.dijkstra(graph, indices=0).astype(int))
print(len(scipy.spatial.ConvexHull(numpy.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]])).vertices))
print(int(scipy.special.comb(50, 3)))
print(networkx.shortest_path_length(networkx.path_graph(5), 0, 4), networkx.maximum_flow_value(
    networkx.DiGraph([(0, 1, {"capacity": 3}), (1, 2, {"capacity": 2})]), 0, 2))
print(SortedList([3, 1, 2])[0], SortedDict({2: "b", 1: "a"}).peekitem(0))
