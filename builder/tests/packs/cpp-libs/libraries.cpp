#include <boost/container/flat_map.hpp>
#include <boost/dynamic_bitset.hpp>
#include <boost/functional/hash.hpp>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/max_cardinality_matching.hpp>
#include <boost/math/common_factor.hpp>
#include <boost/multi_array.hpp>
#include <boost/multiprecision/cpp_dec_float.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <boost/multiprecision/gmp.hpp>
#include <boost/rational.hpp>
#include <boost/unordered_map.hpp>
#include <Eigen/Dense>
#include <Eigen/Sparse>
#include <gmpxx.h>
#include <iostream>
#include <omp.h>

int main() {
    mpz_class big = 1;
    for (int i = 2; i <= 25; i++) big *= i;
    std::cout << big << '\n' << boost::multiprecision::cpp_int(1) * 7 << ' ' << boost::rational<int>(2, 4) << '\n';
    Eigen::Matrix2d matrix;
    matrix << 1, 2, 3, 4;
    std::cout << matrix.determinant() << '\n';
    using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS>;
    Graph graph(4);
    add_edge(0, 1, graph);
    add_edge(2, 3, graph);
    std::vector<Graph::vertex_descriptor> mate(4);
    boost::edmonds_maximum_cardinality_matching(graph, &mate[0]);
    std::cout << boost::matching_size(graph, &mate[0]) << '\n';
    int sum = 0;
    #pragma omp parallel for reduction(+ : sum) num_threads(4)
    for (int i = 0; i < 100; i++) sum += i;
    std::cout << sum << ' ' << (omp_get_max_threads() > 0) << '\n';
}
