/// How a linear probe is fitted.
public enum LinearEstimator: String, Sendable, CaseIterable {
  /// Least squares with a penalty, on one column a class.
  case ridge
  /// Multinomial logistic regression with a penalty.
  case logistic
  /// The nearest class mean; between two classes along the difference of their means.
  case meanDifference = "mean-difference"
  /// Fisher's linear discriminant.
  case discriminant

  /// Whether it has a penalty to choose.
  public var hasPenalty: Bool { self == .ridge || self == .logistic }
  /// Whether its scores are logarithms of probabilities, up to what all classes share.
  var hasProbabilities: Bool { self == .logistic || self == .discriminant }
}
