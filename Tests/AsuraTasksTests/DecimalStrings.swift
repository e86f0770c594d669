/// An independent solver: adds decimal strings in groups of nine digits.
func addDecimal(_ a: String, _ b: String) -> String {
  func groups(_ text: String) -> [UInt64] {
    var digits = Substring(text)
    var groups: [UInt64] = []
    while !digits.isEmpty {
      groups.append(UInt64(digits.suffix(9))!)
      digits = digits.dropLast(9)
    }
    return groups
  }
  let (x, y) = (groups(a), groups(b))
  var sum: [UInt64] = []
  var carry: UInt64 = 0
  for i in 0..<max(x.count, y.count) {
    let group = (i < x.count ? x[i] : 0) + (i < y.count ? y[i] : 0) + carry
    sum.append(group % 1_000_000_000)
    carry = group / 1_000_000_000
  }
  if carry > 0 { sum.append(carry) }
  while sum.count > 1, sum.last == 0 { sum.removeLast() }
  let rest = sum.dropLast().reversed().map { group in
    let text = String(group)
    return String(repeating: "0", count: 9 - text.count) + text
  }
  return String(sum.last!) + rest.joined()
}
