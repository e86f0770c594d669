import AsuraConfiguration

/// What is wrong with a task's options or with what was asked of a task.
public typealias TaskError = ConfigurationError
