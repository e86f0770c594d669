import AsuraKernels
import AsuraModel
import AsuraTensor
import Foundation

/// AdamW (Loshchilov & Hutter 2019): Adam with decoupled weight decay, here on every parameter.
package struct AdamW<S: Scalar>: Sendable {
  package var beta1 = 0.9
  package var beta2 = 0.999
  package var epsilon = 1e-8
  package var weightDecay = 0.01
  /// Running means of the gradients and of their squares, in the order of the model's parameters.
  package var firstMoments: [Tensor<S>]
  package var secondMoments: [Tensor<S>]
  /// How many updates have been made.
  package var step = 0

  package init(_ model: RecurrentTransformer<S>) {
    firstMoments = model.parameters.map { .zeros($0.shape) }
    secondMoments = firstMoments
  }

  /// One update by `gradients`, each first multiplied by `scale`.
  package mutating func update(
    _ model: inout RecurrentTransformer<S>, _ gradients: [Tensor<S>], learningRate: Double,
    scale: Double = 1
  ) {
    step += 1
    let correction1 = 1 - pow(beta1, Double(step))
    let correction2 = 1 - pow(beta2, Double(step))
    for (i, gradient) in gradients.enumerated() {
      model.updateParameter(i) { parameter in
        let count = parameter.count
        parameter.update { w in
          gradient.read { g in
            firstMoments[i].update { m in
              secondMoments[i].update { v in
                asura_adamw(
                  S.kernelType, w, g, m, v, scale, learningRate, weightDecay, beta1, beta2,
                  epsilon, correction1, correction2, count)
              }
            }
          }
        }
      }
    }
  }
}

/// The Euclidean norm of all gradients together, in double and in a fixed order.
package func globalNorm<S: Scalar>(_ gradients: [Tensor<S>]) -> Double {
  gradients.reduce(0) { $0 + $1.dot($1) }.squareRoot()
}
